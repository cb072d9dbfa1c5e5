-- SPDX-License-Identifier: Apache-2.0
-- For golden_spec.lua: where this client does something else than the golden on purpose, and why.

local replay = require "replay"

local copy = replay.changed

-- `requests` makes the requests to expect from the golden's; `outcome` is "error" or "result" where it is another one.

local function first(count)
  return function(requests)
    local kept = {}
    for i = 1, count do kept[i] = requests[i] end
    return kept
  end
end

local nothing = first(0)

--- The upload itself without the access token of CDF.
local function token_not_to_the_upload(requests)
  local all = {}
  for i, request in ipairs(requests) do
    all[i] = request.method ~= "PUT" and request
      or copy(request, { headers = { ["content-type"] = request.headers["content-type"] } })
  end
  return all
end

local function lists(cursor)
  return function(requests)
    local limit = tostring(1000)
    return { copy(requests[1], { query = { limit = limit } }),
      copy(requests[2], { query = { limit = limit, cursor = cursor } }) }
  end
end

local STATIC = { authorization = "Bearer static-token", ["cdf-version"] = "20230101",
  ["content-type"] = "application/json" }

local function get(path, answer)
  return { method = "GET", path = "/api/v1/projects/acme-dev" .. path, query = {}, headers = STATIC,
    body_type = "none", answered = { status = 200, body = answer } }
end

local function post(path, body, answer)
  return { method = "POST", path = "/api/v1/projects/acme-dev" .. path, query = {}, headers = STATIC,
    body_type = "json", body = body, answered = { status = 200, body = answer } }
end

local REFUSED = { why = "refused here, before anything is sent", outcome = "error", requests = nothing }
local AMBIGUOUS = {
  why = "the run may have started, so it is not sent again: kind \"ambiguous\" (README «Promises»)",
  outcome = "error", requests = first(1),
}
local UPLOAD = {
  why = "the upload URL is its own permission: the access token stays away from that host (CDF.md section 17)",
  requests = token_not_to_the_upload,
}

local deviations = {
  ["auth-client-secret-non-ascii"] = {
    why = "the SDK's OAuth library cannot send such a secret; form encoding can", outcome = "result",
    requests = function()
      return {
        { method = "POST", path = "/" .. replay.TENANT .. "/oauth2/v2.0/token", query = {}, body_type = "form",
          headers = { ["content-type"] = "application/x-www-form-urlencoded" },
          body = { grant_type = "client_credentials", client_id = "svc-acme", client_secret = "s3cr\195\169t",
            scope = replay.BASE_URL .. "/.default" },
          answered = { status = 200, body = { access_token = "static-token", expires_in = 3599 } } },
        copy(get("/workflows", { items = { { externalId = "daily-etl" } } }), { query = { limit = "1" } }),
      }
    end,
  },
  ["auth-token-refreshed-when-lifetime-below-leeway"] = {
    why = "a token that has just been fetched is used, however short it lives",
    requests = function(requests)
      local function with_first_token(request)
        return copy(request, { headers = copy(request.headers, { authorization = "Bearer short-0" }) })
      end
      return { requests[1], with_first_token(requests[3]), with_first_token(requests[6]) }
    end,
  },
  ["auth-401-from-api"] = {
    why = "a token is fetched anew where it can be, a ready-made one cannot; none is inspected", requests = first(1),
  },
  ["headers-application-name-latin1"] = {
    why = "header values are ASCII, as CDF.md section 1 advises", outcome = "error", requests = nothing,
  },
  ["sessions-create-oneshot-ignores-given-credentials"] = {
    why = "options that contradict each other are a mistake in the program; the SDK drops one of them",
    outcome = "error", requests = nothing,
  },
  ["sessions-list-all-pages"] = {
    why = "pages as large as CDF allows, 1000; the SDK asks for 100", requests = lists "c+/=2",
  },
  ["workflows-upsert-wrong-mode"] = { why = "upsert has no mode", call = false },
  ["workflows-retrieve-dot-dot"] = REFUSED,
  ["workflows-retrieve-list"] = {
    why = "one request for each, by its own name (CDF.md section 17)",
    requests = function()
      return { get("/workflows/a", { externalId = "a" }), get("/workflows/b%2Fc", { externalId = "b/c" }) }
    end,
  },
  ["versions-iterate"] = {
    why = "iterating lists, as the contract has it (CDF.md section 17)",
    requests = function()
      return { post("/workflows/versions/list",
        { filter = { workflowFilters = { { externalId = "daily-etl" } } }, limit = 1000 },
        { items = { { version = "1" } } }) }
    end,
  },
  ["versions-retrieve-list"] = {
    why = "one request for each; the SDK fails (CDF.md section 17)", outcome = "result",
    requests = function()
      return { get("/workflows/a/versions/1", { version = "1" }), get("/workflows/b/versions/2", { version = "2" }) }
    end,
  },
  ["run-metadata-over-limits"] = REFUSED,
  ["run-leading-space"] = REFUSED,
  ["run-null-character"] = REFUSED,
  ["run-id-256-characters"] = REFUSED,
  ["run-input-101-kb"] = REFUSED,
  ["run-retried-503"] = { -- a balancer's (CDF.md section 20)
    why = AMBIGUOUS.why, outcome = "error", requests = first(2),
  },
  ["run-retried-502-504"] = AMBIGUOUS,
  ["run-retried-after-read-timeout"] = AMBIGUOUS,
  ["run-connection-reset"] = AMBIGUOUS,
  ["run-retried-when-marked-auto-retryable-false"] = {
    why = "false means false (CDF.md section 17)", outcome = "error", requests = first(1),
  },
  ["run-unknown-workflow"] = {
    why = "the session made for a run that did not start is taken back (CDF.md section 16)",
    requests = function(requests)
      return { requests[1], requests[2], post("/sessions/revoke", { items = { { id = 7001 } } }, { items = {} }) }
    end,
  },
  ["executions-list-no-filter"] = {
    why = "CDF takes a list without filter; only the SDK refuses it", outcome = "result",
    requests = function()
      return { post("/workflows/executions/list", { limit = 25 }, { items = { { status = "RUNNING" } } }) }
    end,
  },
  ["executions-retrieve-bad-id"] = REFUSED,
  ["executions-retrieve-unescaped-id"] = REFUSED,
  ["functions-create-from-handle"] = UPLOAD,
  ["functions-call-connection-reset"] = {
    why = "a call that may have been made is not made again", outcome = "error", requests = first(1),
  },
  ["files-upload-zip"] = UPLOAD,
  ["older-route-function-and-schedule"] = UPLOAD,
}

return deviations
