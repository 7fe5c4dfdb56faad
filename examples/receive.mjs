// Receive streamproc's webhooks, each request once. Needs: npm install standardwebhooks
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.STREAMPROC_WEBHOOK_SECRET);
const handled = new Set(); // keep it in your database, in one transaction with what you do

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString(); // as it came, not parsed and written again
  let signal;
  try {
    signal = webhook.verify(body, request.headers);
  } catch (error) {
    response.writeHead(400).end(error.message);
    return;
  }
  const { messageId, event, userId, properties } = signal;
  if (!handled.has(messageId) && event === "Reactivation Requested") {
    console.log(`${properties.channel} to ${userId}: ${properties.reason}`);
  }
  handled.add(messageId);
  response.writeHead(204).end(); // soon: whatever takes longer than 20 seconds is sent again
}).listen(Number(process.env.PORT ?? 8080), "127.0.0.1");
