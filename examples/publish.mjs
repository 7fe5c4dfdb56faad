// Publish one event from a Node backend. Needs: npm install kafkajs
import { randomUUID } from "node:crypto";
import { Kafka, Partitioners } from "kafkajs";

const topic = (process.env.STREAMPROC_TOPIC_PREFIX ?? "") + "events.web";
const brokers = (process.env.STREAMPROC_KAFKA ?? "localhost:9092").split(",");

const event = {
  type: "track",
  event: "Order Completed",
  userId: "u-1001",
  messageId: randomUUID(), // made once, when it happens: a retry repeats it
  timestamp: new Date().toISOString(),
  properties: { revenue: 39.8, currency: "USD" },
};

// DefaultPartitioner is murmur2, as it must be.
const producer = new Kafka({ brokers }).producer({ createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
await producer.send({ topic, acks: -1, messages: [{ key: event.userId, value: JSON.stringify(event) }] });
await producer.disconnect();
