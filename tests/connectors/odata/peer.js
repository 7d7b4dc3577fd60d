// An OData 4.0 service that is not ours: npm's simple-odata-server (MIT) over nedb, in memory, on a free port.
const http = require("http");
const Datastore = require("nedb");
const service = require("simple-odata-server");
const adapter = require("simple-odata-server-nedb");

const model = {
  namespace: "shop",
  entityTypes: {
    Order: {
      _id: { type: "Edm.String", key: true },
      Customer: { type: "Edm.String" },
      Total: { type: "Edm.Double" },
      Paid: { type: "Edm.Boolean" },
    },
  },
  entitySets: { Orders: { entityType: "shop.Order" } },
};
const store = new Datastore({ inMemoryOnly: true });
let odata;
const server = http.createServer((request, response) => odata.handle(request, response));
server.listen(0, "127.0.0.1", () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  odata = service(base).model(model).adapter(adapter((set, done) => done(null, store)));
  console.log(base);
});
