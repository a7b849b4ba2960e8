// Calls a method of the mesh from Node.js, through one collector: node client.js 127.0.0.1:50051
// Needs: npm install @grpc/grpc-js @grpc/proto-loader
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const PROTO = path.join(__dirname, "../../proto/collector/dispatcher.proto"); // in your project: a copy beside your own
const types = loader.loadSync([PROTO, "google/protobuf/struct.proto"], { keepCase: true });
const { CollectiveDispatcher } = grpc.loadPackageDefinition(types).collector;

// An Any is the name of a type and the bytes of a message of that type.
const pack = (name, message) => ({ type_url: `type.googleapis.com/${name}`, value: types[name].serialize(message) });
const unpack = (any) => types[any.type_url.split("/").pop()].deserialize(any.value);

function call(client, request, { timeout = 15, metadata = {} } = {}) {
  const headers = new grpc.Metadata();
  for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
  const options = { deadline: Date.now() + 1000 * timeout };
  return new Promise((resolve, reject) => {
    client.Dispatch(request, headers, options, (error, response) => {
      // An error here is one of the connection or of the deadline. What the mesh has to say is in the status.
      if (error) return reject(error);
      if (response.status.code !== 200) {
        const { code, message, details } = response.status;
        return reject(Object.assign(new Error(message), { code, details, handledBy: response.handled_by_collector_id }));
      }
      return resolve(response);
    });
  });
}

async function main(address) {
  const client = new CollectiveDispatcher(address, grpc.credentials.createInsecure());
  const greet = {
    namespace: "greetings",
    service: { service_name: "GreetingService" },
    method_name: "Greet",
    input: pack("google.protobuf.Value", { stringValue: "Node" }), // for a handler that takes a text
  };
  try {
    const response = await call(client, greet, { timeout: 5, metadata: { "trace-id": "7" } });
    console.log(unpack(response.output).stringValue, "said", response.handled_by_collector_id);
    await call(client, { ...greet, method_name: "Nothing" });
  } catch (error) {
    console.log(error.code, error.message);
  } finally {
    client.close();
  }
}

main(process.argv[2]);
