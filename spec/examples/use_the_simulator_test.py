# SPDX-License-Identifier: Apache-2.0
"""The embedded CDF in Python tests: started once, reset before each test, reached by its URL. Its clock moves when the
test says so, so that nothing is really waited for. Run it with `python3 -m unittest`; nothing but Python is needed.

What is tested stands in `read_sensors`, a program that starts a workflow and says what became of it. A program that uses
Cognite's Python SDK is tested in the same way, with

    CogniteClient(ClientConfig(client_name="test", project="demo", base_url=simulator.url, credentials=Token("test-token")))
"""

import json
import os
import subprocess
import time
import unittest
import urllib.error
import urllib.request


def read_sensors(url, token, sensors, sleep=time.sleep):
    """The program: starts the workflow, waits for it, and gives what the sensors read."""
    root = f"{url}/api/v1/projects/demo"

    def ask(path, body=None):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(root + path, data, headers)) as answer:
            return json.load(answer)

    nonce = ask("/sessions", {"items": [{"tokenExchange": True}]})["items"][0]["nonce"]
    run = {"authentication": {"nonce": nonce}, "input": {"sensors": sensors}}
    try:
        execution = ask("/workflows/sensors/versions/1/run", run)
    except urllib.error.HTTPError as error:
        return f"not started: {error.code}"
    while execution["status"] == "RUNNING":
        sleep(5)
        execution = ask(f"/workflows/executions/{execution['id']}")
    if execution["status"] != "COMPLETED":
        return f"failed: {execution['executedTasks'][0]['reasonForIncompletion']}"
    return execution["executedTasks"][0]["output"]["response"]["readings"]


WORKFLOW = {
    "workflowExternalId": "sensors",
    "version": "1",
    "workflowDefinition": {
        "tasks": [
            {
                "externalId": "read",
                "type": "function",
                "retries": 0,
                "parameters": {"function": {"externalId": "fn-read-sensors", "data": "${workflow.input}"}},
            }
        ]
    },
}


class Simulator:
    """cdfworkflow-sim as a child on a free port. Lua functions in `functions.lua` stand for Cognite Functions."""

    def __init__(self):
        program = os.environ.get("CDFWORKFLOW_SIM", "cdfworkflow-sim")
        functions = os.path.join(os.path.dirname(os.path.abspath(__file__)), "functions.lua")
        self.process = subprocess.Popen(
            [program, "--port", "0", "--project", "demo", "--token", "test-token", "--load", functions]
            + ["--clock", "manual", "--control", "--headless"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().split()[-1]  # it says where it listens as soon as it does

    def post(self, path, body):
        headers = {"Authorization": "Bearer test-token", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def advance(self, seconds):
        self.post("/_simulator/advance", {"seconds": seconds})

    def fault(self, **fault):
        self.post("/_simulator/fault", fault)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class ReadSensors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.simulator = Simulator()
        cls.addClassCleanup(cls.simulator.stop)

    def setUp(self):
        self.simulator.post("/_simulator/reset", {})
        self.simulator.post("/api/v1/projects/demo/workflows/versions", {"items": [WORKFLOW]})

    def read(self, *sensors):
        return read_sensors(self.simulator.url, "test-token", sensors, sleep=self.simulator.advance)

    def test_gives_what_was_read(self):
        self.assertEqual("bar", self.read("pressure")["pressure"]["unit"])

    def test_says_why_it_failed(self):
        self.assertIn("there is no sensor depth", self.read("depth"))

    def test_says_that_cdf_was_busy(self):
        self.simulator.fault(match={"operation": "run"}, status=503)
        self.assertEqual("not started: 503", self.read("pressure"))


if __name__ == "__main__":
    unittest.main()
