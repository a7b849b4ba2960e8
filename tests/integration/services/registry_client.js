// Registers a service and asks about it from Node.js, with the original's messages: node registry_client.js 127.0.0.1:50060
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const PROTOS = path.join(__dirname, "../../../proto");
const types = loader.loadSync("collector/registry.proto", { keepCase: true, includeDirs: [PROTOS] });
const { CollectorRegistry } = grpc.loadPackageDefinition(types).collector;

async function main(address) {
  const client = new CollectorRegistry(address, grpc.credentials.createInsecure());
  const call = (method, request) =>
    new Promise((resolve, reject) =>
      client[method](request, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
  const service = {
    name: "UserService",
    method: [{ name: "GetUser", inputType: ".users.User", outputType: ".users.User" }],
  };
  const registered = await call("RegisterService", { namespace: "users", service_descriptor: service });
  const question = { namespace: "users", service_name: "UserService", method_name: "GetUser" };
  const valid = await call("ValidateMethod", question);
  const refused = await call("RegisterService", { namespace: "users" }).catch((error) => error.details);
  console.log(registered.service_id, registered.registered_methods.join(","), valid.is_valid, refused);
  client.close();
}

main(process.argv[2]);
