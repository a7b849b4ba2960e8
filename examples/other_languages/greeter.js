// Calls grpc's own greeter through the gateway of a collector: node greeter.js 127.0.0.1:50050
// Needs: npm install @grpc/grpc-js @grpc/proto-loader
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const PROTO = path.join(__dirname, "../grpc/helloworld.proto"); // in your project: that of your service
const { Greeter } = grpc.loadPackageDefinition(loader.loadSync(PROTO)).helloworld;

const client = new Greeter(process.argv[2], grpc.credentials.createInsecure());
client.sayHello({ name: "Node" }, { deadline: Date.now() + 5000 }, (error, reply) => {
  console.log(error ? `${error.code} ${error.details}` : reply.message);
  client.close();
});
