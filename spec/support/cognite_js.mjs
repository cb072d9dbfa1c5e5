// SPDX-License-Identifier: Apache-2.0
// Cognite's own JavaScript SDK against cdfworkflow-sim at the address given: signs in, makes a function of a zip, runs
// a workflow, meets refusals and faults. Prints what it saw as one JSON object.

import { CogniteClient } from "@cognite/sdk";

const baseUrl = process.argv[2];
const project = "acme-dev";
let signedIn = 0;

async function token() {
  signedIn++;
  const form = new URLSearchParams({
    grant_type: "client_credentials", client_id: "svc-acme", client_secret: "s3cr3t", scope: `${baseUrl}/.default`,
  });
  const answer = await fetch(`${baseUrl}/tenant/oauth2/v2.0/token`, { method: "POST", body: form });
  return (await answer.json()).access_token;
}

const client = new CogniteClient({ appId: "spec", project, baseUrl, oidcTokenProvider: token });
const path = (rest) => `/api/v1/projects/${project}${rest}`;
const post = async (rest, data, params) => (await client.post(path(rest), { data, params })).data;
const get = async (rest, params) => (await client.get(path(rest), { params })).data;
const control = (name, argument) =>
  fetch(`${baseUrl}/_simulator/${name}`, { method: "POST", body: JSON.stringify(argument) });

const session = async () => (await client.sessions.create([{ clientId: "svc-acme", clientSecret: "s3cr3t" }]))[0];

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    const { status, requestId, missing, duplicated, errorMessage } = error;
    return { status, requestId, missing, duplicated, errorMessage };
  }
}

async function makeFunction() {
  const file = await client.files.upload(
    { name: "f.zip", externalId: "f.zip", mimeType: "application/zip" }, Buffer.from("PK"), true);
  const uploaded = (await client.files.retrieve([{ id: file.id }]))[0];
  const item = { name: "hello", externalId: "hello", fileId: file.id };
  const { id } = (await post("/functions", { items: [item] })).items[0];
  await control("advance", { seconds: 6 });
  const call = await post(`/functions/${id}/call`, { data: { a: 1 }, nonce: (await session()).nonce });
  await control("advance", { seconds: 1 });
  const { response } = await get(`/functions/${id}/calls/${call.id}/response`);
  return { uploaded: uploaded.uploaded, uploadedTime: uploaded.uploadedTime instanceof Date, response };
}

async function runWorkflow() {
  const parameters = { function: { externalId: "hello", data: "${workflow.input}" } };
  const workflowDefinition = { tasks: [{ externalId: "t", type: "function", parameters }] };
  await post("/workflows/versions", { items: [{ workflowExternalId: "w/1 æ", version: "1", workflowDefinition }] });
  const body = { authentication: { nonce: (await session()).nonce }, input: { b: [2, null] } };
  const run = `/workflows/${encodeURIComponent("w/1 æ")}/versions/1/run`;
  await control("fault", { match: { operation: "run" }, status: 429 });
  await control("fault", { match: { operation: "retrieveWorkflowExecution" }, status: 503, body: "try later" });
  const { id } = await post(run, body);
  await control("advance", { seconds: 1 });
  const { status, executedTasks } = await get(`/workflows/executions/${id}`);
  const again = await refusal(() => post(run, body));
  return { status, output: executedTasks[0].output.response, again };
}

async function sessions() {
  const made = await session();
  const first = await client.sessions.list({ limit: 1, filter: { status: "READY" } });
  const all = await client.sessions.list({ limit: 1 }).autoPagingToArray({ limit: 100 });
  const revoked = await client.sessions.revoke([{ id: made.id }]);
  const unknown = await refusal(() => client.sessions.retrieve([{ id: 5 }]));
  return { listed: first.items[0].id === made.id, several: all.length > 1, revoked: revoked[0].status, unknown };
}

async function newToken() {
  const before = signedIn;
  await control("advance", { seconds: 7200 });
  const { items } = await get("/workflows", { limit: 10 });
  return { fetched: signedIn - before, found: items.map((item) => item.externalId) };
}

await client.authenticate();
const seen = {
  inspected: (await client.get("/api/v1/token/inspect")).data.subject,
  functions: await makeFunction(),
  workflow: await runWorkflow(),
  sessions: await sessions(),
  unknown: await refusal(() => get("/workflows/nope")),
  invalid: await refusal(() => post("/workflows", { items: [{ externalId: " x" }] })),
  duplicated: await refusal(() => client.files.upload({ name: "f.zip", externalId: "f.zip" })),
  nowhere: await refusal(() => client.assets.list()),
  newToken: await newToken(),
};
console.log(JSON.stringify(seen));
