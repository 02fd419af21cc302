// Reads {secret, requests: [{headers, body in base64}]} and prints for each whether npm's standardwebhooks accepts it.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, requests } = JSON.parse(readFileSync(0, "utf8"));
const webhook = new Webhook(secret);
const verdicts = requests.map(({ headers, body }) => {
  try {
    return webhook.verify(Buffer.from(body, "base64"), headers).type;
  } catch {
    return null;
  }
});
console.log(JSON.stringify(verdicts));
