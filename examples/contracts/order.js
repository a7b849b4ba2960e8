// Orders from Node.js: node order.js 127.0.0.1:50051 protos
// Needs: npm install @grpc/grpc-js @grpc/proto-loader
// And the .proto of the contract: collector-mesh contract proto shop_api:Shop --out protos
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, protos] = process.argv.slice(2);

const types = loader.loadSync("cafe/v1/shop.proto", { includeDirs: [protos], keepCase: true, longs: String });
const { Shop } = grpc.loadPackageDefinition(types).cafe.v1;

const client = new Shop(address, grpc.credentials.createInsecure());
const order = { customer: "Bob", cups: [{ drink: "tea", size: "SIZE_LARGE" }] };
client.create_order(order, { deadline: Date.now() + 5000 }, (error, receipt) => {
  console.log(error ? `${error.code} ${error.details}` : `receipt ${receipt.number}: ${receipt.cents} cents`);
  client.close();
});
