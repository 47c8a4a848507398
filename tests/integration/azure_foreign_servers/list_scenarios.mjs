// Prints the scenarios below a folder of the specs' compiled form as JSON: what is to be sent, and what will come.
// Arguments: the folder, and the address that the server will have.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, baseUrl] = process.argv.slice(2);
const text = (body) => {
  if (!body || body.rawContent === undefined) return null;
  return typeof body.rawContent === "string" ? body.rawContent : body.rawContent.serialize({ baseUrl });
};
const scenarios = [];
for (const name of fs.readdirSync(folder).sort()) {
  const module = await import(pathToFileURL(path.resolve(folder, name, "mockapi.js")));
  for (const [title, scenario] of Object.entries(module.Scenarios)) {
    const requests = scenario.apis.map((api) => ({
      method: api.method.toUpperCase(),
      path: api.uri.replace(/:([A-Za-z_]+)/g, (whole, key) => api.request?.pathParams?.[key] ?? whole),
      query: api.request?.query ?? {},
      body: text(api.request?.body),
      status: api.response.status,
      answer: text(api.response.body),
      headers: Object.keys(api.response.headers ?? {}).map((header) => header.toLowerCase()),
    }));
    scenarios.push({ title, requests });
  }
}
process.stdout.write(JSON.stringify(scenarios));
