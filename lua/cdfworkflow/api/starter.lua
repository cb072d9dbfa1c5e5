-- SPDX-License-Identifier: Apache-2.0
-- The starter function of the older route (CDF.md section 9): a Cognite Function that starts a workflow version.
-- `handler` is its Python text, `zip` the same as CDF wants it. After a change run spec/support/starter_zip.py.

local starter = {}

--- The external id under which the function is deployed; another handler needs another one.
starter.EXTERNAL_ID = "cdfworkflow-starter-1"

--- CDF calls `handle` at each firing of a schedule. The session of that call already sits one level deep and may not
--- chain further, so the run gets a session of its own, from the client credentials among the secrets.
starter.handler = [==[
"""Starts the workflow version that data names. Deployed by the Lua module cdfworkflow."""
from urllib.parse import quote


def handle(client, data, secrets):
    project = "/api/v1/projects/" + quote(secrets["project"], safe="")
    credentials = {"clientId": secrets["client-id"], "clientSecret": secrets["client-secret"]}
    session = client.post(project + "/sessions", json={"items": [credentials]}).json()["items"][0]
    body = {"authentication": {"nonce": session["nonce"]}}
    for member in ("input", "metadata"):
        if member in data:
            body[member] = data[member]
    version = "/workflows/{}/versions/{}".format(
        quote(data["workflow-external-id"], safe=""), quote(data["workflow-version"], safe=""))
    execution = client.post(project + version + "/run", json=body).json()
    return {"executionId": execution["id"]}
]==]

-- Made by Python's zipfile, which stores the handler uncompressed: what stands before it in the zip, and after.
-- starter_zip.py begin
local BEFORE = "\080\075\003\004\020\000\000\000\000\000\000\000\033\092\190\025\191\104\087\003\000\000\087\003\000"
  .. "\000\010\000\000\000\104\097\110\100\108\101\114\046\112\121"
local AFTER = "\080\075\001\002\020\003\020\000\000\000\000\000\000\000\033\092\190\025\191\104\087\003\000\000\087"
  .. "\003\000\000\010\000\000\000\000\000\000\000\000\000\000\000\164\001\000\000\000\000\104\097\110\100"
  .. "\108\101\114\046\112\121\080\075\005\006\000\000\000\000\001\000\001\000\056\000\000\000\127\003\000"
  .. "\000\000\000"
-- starter_zip.py end

--- The zip with `handler.py` in it.
starter.zip = BEFORE .. starter.handler .. AFTER

return starter
