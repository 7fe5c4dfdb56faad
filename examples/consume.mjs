// Keep track of who is in which segment. Needs: npm install kafkajs
import { Kafka } from "kafkajs";

const topic = (process.env.STREAMPROC_TOPIC_PREFIX ?? "") + "segments.changes";
const brokers = (process.env.STREAMPROC_KAFKA ?? "localhost:9092").split(",");

const versions = new Map(); // customer -> the last version handled; keep it in your database
const consumer = new Kafka({ brokers }).consumer({ groupId: "crm" });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    const customer = message.key.toString();
    const { event, properties, context } = JSON.parse(message.value);
    const { version, cause, evidence } = context.streamproc;
    if (version <= (versions.get(customer) ?? 0)) return; // a repeat, or older than what we know
    const why = evidence.map((e) => `${e.feature} ${e.value} ${e.op} ${e.threshold}`).join(", ");
    console.log(`${customer}: ${event} ${properties.audience_key} (${cause}: ${why})`);
    versions.set(customer, version);
  },
});
