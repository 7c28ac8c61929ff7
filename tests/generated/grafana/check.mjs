// Checks files against the types of Grafana: node check.mjs FOLDER-OF-THE-PACKAGES FILE...
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [packages, ...files] = process.argv.slice(2);
const require = createRequire(join(packages, "package.json"));
const { createGenerator } = require("ts-json-schema-generator");
const Ajv = require("ajv");

const schema = createGenerator({
  path: join(packages, "dashboard.ts"),
  tsconfig: join(packages, "tsconfig.json"),
  type: "Dashboard",
  additionalProperties: false,
  expose: "none",
  jsDoc: "none",
}).createSchema("Dashboard");
const check = new Ajv({ allErrors: true, discriminator: false, strict: false }).compile(schema);

let faults = 0;
for (const file of files) {
  if (check(JSON.parse(readFileSync(file, "utf8")))) continue;
  faults += check.errors.length;
  for (const { instancePath, message, params } of check.errors.slice(0, 40)) {
    console.log(`${file}: ${instancePath} ${message} ${JSON.stringify(params)}`);
  }
}
console.log(`${files.length} files, ${faults} faults, @grafana/schema ${require("@grafana/schema/package.json").version}`);
process.exit(faults === 0 ? 0 : 1);
