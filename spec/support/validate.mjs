// SPDX-License-Identifier: Apache-2.0
// Checks exchanges against cdf.openapi.yaml: one JSON object a line on standard input, one line a violation on
// standard output, then a line with the counts. Exit status 1 when there was any violation.
//
// An exchange: { name?, operationId?, method, path, request?, status?, response? }. `path` is raw, with its ?query;
// `request` and `response` are parsed JSON, or text where the body is no JSON ("" for an empty one). A member that is
// not there was not recorded and is not checked.

import { readFileSync } from "node:fs";
import { parse } from "yaml";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const contract = parse(readFileSync(new URL("../contract/cdf.openapi.yaml", import.meta.url), "utf8"));

function validator(options) {
  const ajv = new Ajv({ strict: false, ...options });
  addFormats(ajv);
  ajv.addKeyword({
    keyword: "x-max-bytes",
    validate: (limit, value) => Buffer.byteLength(JSON.stringify(value)) <= limit,
    error: { message: ({ schema }) => `must be at most ${schema} bytes of JSON` },
  });
  ajv.addSchema(contract, "cdf");
  return ajv;
}

const bodies = validator({});
const texts = validator({ coerceTypes: true }); // path and query values are text

const compiled = new Map();

// What is wrong with the value by the schema at this JSON pointer into the contract, or nothing.
function complaint(ajv, pointer, value) {
  const key = (ajv === texts ? "text " : "") + pointer;
  // Wrapped, because coercion writes the value into its parent.
  if (!compiled.has(key)) compiled.set(key, ajv.compile({ properties: { value: { $ref: "cdf#" + pointer } } }));
  const check = compiled.get(key);
  if (!check({ value })) return ajv.errorsText(check.errors, { dataVar: "" }).replaceAll("/value", "");
}

const escape = (name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));

// The object at a pointer, and its pointer, with a $ref followed.
function resolve(pointer) {
  const node = pointer.split("/").slice(1)
    .reduce((at, name) => at?.[decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~")], contract);
  return node?.$ref ? resolve(node.$ref.slice(1)) : { node, pointer };
}

const methods = ["get", "post", "put", "patch", "delete"];
const operations = Object.entries(contract.paths).flatMap(([template, item]) =>
  methods.filter((method) => item[method]).map((method) => ({
    method: method.toUpperCase(),
    segments: template.split("/"),
    id: item[method].operationId,
    pointer: `/paths/${escape(template)}/${method}`,
    parameters: [`/paths/${escape(template)}`, `/paths/${escape(template)}/${method}`].flatMap((owner) =>
      (resolve(owner).node.parameters ?? []).map((_, i) => resolve(`${owner}/parameters/${i}`))),
  })));

const isParameter = (segment) => segment.startsWith("{");
const rank = (operation) => operation.segments.map((segment) => (isParameter(segment) ? "1" : "0")).join("");
operations.sort((a, b) => rank(a).localeCompare(rank(b))); // a literal segment wins over a parameter

function find(method, segments) {
  return operations.find((operation) => operation.method === method &&
    operation.segments.length === segments.length &&
    operation.segments.every((segment, i) => isParameter(segment) || segment === segments[i]));
}

function* checkParameters(operation, segments, query) {
  const schemas = (place) => new Map(operation.parameters.filter(({ node }) => node.in === place)
    .map(({ node, pointer }) => [node.name, pointer + "/schema"]));
  const inPath = schemas("path");
  for (const [i, segment] of operation.segments.entries()) {
    if (!isParameter(segment)) continue;
    const name = segment.slice(1, -1);
    const wrong = complaint(texts, inPath.get(name), decodeURIComponent(segments[i]));
    if (wrong) yield `path parameter ${name}${wrong}`;
  }
  const inQuery = schemas("query");
  for (const [name, value] of query) {
    const wrong = inQuery.has(name) ? complaint(texts, inQuery.get(name), value) : " is not in the contract";
    if (wrong) yield `query parameter ${name}${wrong}`;
  }
}

// A body is right when one of the media types that the contract lists accepts it.
function* checkBody(what, owner, body) {
  const content = Object.keys(resolve(owner).node?.content ?? {});
  if (content.length === 0) {
    if (body !== "") yield `${what} should have no body`;
    return;
  }
  const wrong = [];
  for (const media of content) {
    const form = media === "application/x-www-form-urlencoded" && typeof body === "string";
    const value = form ? Object.fromEntries(new URLSearchParams(body)) : body;
    wrong.push(complaint(bodies, `${owner}/content/${escape(media)}/schema`, value));
  }
  if (wrong.every(Boolean)) yield `${what}${wrong.join("; or")}`;
}

function* check({ operationId, method, path, request, status, response }) {
  const [route, query = ""] = path.split(/\?(.*)/s);
  const segments = route.split("/");
  const operation = find(method, segments);
  if (!operation) return yield "no such operation";
  if (operationId && operationId !== operation.id) yield `is ${operation.id}, not ${operationId}`;
  yield* checkParameters(operation, segments, new URLSearchParams(query));
  if (request !== undefined) {
    const { node, pointer } = resolve(`${operation.pointer}/requestBody`);
    if (!(request === "" && node && !node.required)) yield* checkBody("request", pointer, request);
  }
  if (status === undefined || response === undefined) return;
  const answers = resolve(`${operation.pointer}/responses`).node;
  const key = String(status) in answers ? status : "default";
  yield* checkBody(`response ${status}`, resolve(`${operation.pointer}/responses/${key}`).pointer, response);
}

let exchanges = 0;
let violations = 0;
for (const line of readFileSync(0, "utf8").split("\n")) {
  if (line === "") continue;
  const exchange = JSON.parse(line);
  exchanges++;
  for (const wrong of check(exchange)) {
    violations++;
    console.log(`${exchange.name ?? `${exchange.method} ${exchange.path}`}: ${wrong}`);
  }
}
console.log(`${exchanges} exchanges, ${violations} violations`);
process.exitCode = violations > 0 ? 1 : 0;
