// SPDX-License-Identifier: Apache-2.0
// The embedded CDF in JavaScript tests: started once, reset before each test, reached by its URL with Cognite's own SDK.
// Its clock moves when the test says so, so that nothing is really waited for. Run it with `node --test`; it needs
// @cognite/sdk.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { CogniteClient } from "@cognite/sdk";

const root = "/api/v1/projects/demo";
const realSleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

// The program that is tested: starts the workflow, waits for it, and gives what the sensors read.
async function readSensors(client, sensors, sleep = realSleep) {
  const [{ nonce }] = await client.sessions.create([{ tokenExchange: true }]);
  const run = { authentication: { nonce }, input: { sensors } };
  let execution = (await client.post(`${root}/workflows/sensors/versions/1/run`, { data: run })).data;
  while (execution.status === "RUNNING") {
    await sleep(5);
    execution = (await client.get(`${root}/workflows/executions/${execution.id}`)).data;
  }
  const [task] = execution.executedTasks;
  return execution.status === "COMPLETED" ? task.output.response.readings : `failed: ${task.reasonForIncompletion}`;
}

const workflow = {
  workflowExternalId: "sensors",
  version: "1",
  workflowDefinition: {
    tasks: [{
      externalId: "read", type: "function", retries: 0,
      parameters: { function: { externalId: "fn-read-sensors", data: "${workflow.input}" } },
    }],
  },
};

// cdfworkflow-sim as a child on a free port. Lua functions in `functions.lua` stand for Cognite Functions.
async function startSimulator() {
  const program = process.env.CDFWORKFLOW_SIM ?? "cdfworkflow-sim";
  const functions = fileURLToPath(new URL("functions.lua", import.meta.url));
  const child = spawn(program, ["--port", "0", "--project", "demo", "--token", "test-token", "--load", functions,
    "--clock", "manual", "--control", "--headless"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface(child.stdout), "line"); // it says where it listens as soon as it does
  const url = line.split(" ").pop();
  const control = async (name, argument = {}) => {
    const answer = await fetch(`${url}/_simulator/${name}`, { method: "POST", body: JSON.stringify(argument) });
    assert.equal(answer.status, 200);
  };
  return { url, control, advance: (seconds) => control("advance", { seconds }), stop: () => child.kill() };
}

describe("readSensors", () => {
  let simulator, client;

  before(async () => {
    simulator = await startSimulator();
    client = new CogniteClient({
      appId: "test", project: "demo", baseUrl: simulator.url, oidcTokenProvider: async () => "test-token",
    });
  });

  after(() => simulator.stop());

  beforeEach(async () => {
    await simulator.control("reset");
    await client.post(`${root}/workflows/versions`, { data: { items: [workflow] } });
  });

  it("gives what was read", async () => {
    assert.equal((await readSensors(client, ["pressure"], simulator.advance)).pressure.unit, "bar");
  });

  it("says why it failed", async () => {
    assert.match(await readSensors(client, ["depth"], simulator.advance), /there is no sensor depth/);
  });

  it("does not mind that CDF is busy for a moment", async () => {
    await simulator.control("fault", { match: { operation: "retrieveWorkflowExecution" }, status: 503 });
    assert.equal((await readSensors(client, ["pressure"], simulator.advance)).pressure.unit, "bar");
  });
});
