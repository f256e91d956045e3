// Calls a server all the time, in one session, until its input ends; then prints what it saw.
// `node caller.mjs SDK URL legacy|auto`, where SDK is the TypeScript SDK's client module.
import { pathToFileURL } from "node:url";

const PAUSE = 5;
const OFTEN = 10; // every so many calls, one goes to a tool that is there in some versions only
const [sdk, url, era] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(sdk));

let stopped = false;
process.stdin.on("end", () => (stopped = true)).resume();

async function attempt(client, tool, failures) {
  try {
    const result = await client.callTool({ name: tool, arguments: {} });
    if (!result.isError) return Number(result.content[0].text);
    failures.push(result.content[0].text);
  } catch (error) {
    failures.push(String(error));
  }
}

const options = era === "auto" ? { versionNegotiation: { mode: "auto" } } : {};
const client = new Client({ name: "caller", version: "1" }, options);
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const [failed, absent, seen] = [[], [], []];
let calls = 0;
while (!stopped) {
  calls += 1;
  if (calls % OFTEN === 0) await attempt(client, "sometimes", absent);
  else {
    const version = await attempt(client, "version", failed);
    if (version !== undefined) seen.push(version);
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
}
await client.close();
const inOrder = seen.every((version, at) => at === 0 || seen[at - 1] <= version);
const saw = { calls, failed, absent: absent.length, in_order: inOrder, last: seen.at(-1) };
console.log(JSON.stringify(saw));
