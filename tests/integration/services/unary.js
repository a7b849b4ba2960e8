// Makes unary calls with @grpc/grpc-js: reads {address, options, calls, together} as a line of JSON, and writes what has come
// of each. Those with `cancels` are cancelled when there is no more to read.
const grpc = require("@grpc/grpc-js");

const untouched = (bytes) => bytes;

function metadataOf(pairs) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of pairs) metadata.add(key, key.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  return metadata;
}

function pairsOf(metadata) {
  const pairs = [];
  for (const key of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(key)) pairs.push([key, Buffer.isBuffer(value) ? value.toString("base64") : value]);
  }
  return pairs;
}

function call(client, { path, request, metadata, timeout, cancels }) {
  return new Promise((resolve) => {
    const seen = { response: "", initial: [] };
    const done = (error, response) => {
      if (response) seen.response = response.toString("base64");
    };
    const options = { deadline: Date.now() + 1000 * timeout };
    const bytes = Buffer.from(request, "base64");
    const made = client.makeUnaryRequest(path, untouched, untouched, bytes, metadataOf(metadata), options, done);
    made.on("metadata", (initial) => (seen.initial = pairsOf(initial)));
    made.on("status", ({ code, details, metadata: trailing }) => {
      setImmediate(() => resolve({ ...seen, code, details, trailing: pairsOf(trailing) }));
    });
    if (cancels) process.stdin.on("end", () => made.cancel());
  });
}

function line() {
  return new Promise((resolve) => {
    let read = "";
    process.stdin.setEncoding("utf8").on("data", (text) => {
      read += text;
      if (read.endsWith("\n")) resolve(read);
    });
  });
}

async function main() {
  const { address, options, calls, together } = JSON.parse(await line());
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), options);
  const outcomes = [];
  if (together) outcomes.push(...(await Promise.all(calls.map((each) => call(client, each)))));
  else for (const each of calls) outcomes.push(await call(client, each));
  client.close();
  process.stdin.destroy();
  process.stdout.write(JSON.stringify(outcomes));
}

main();
