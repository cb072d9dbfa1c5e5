-- SPDX-License-Identifier: Apache-2.0
-- `cdfworkflow run` without waiting (token, session, run) in a process of its own, beside curl making the same three
-- requests: the least CPU of some, and the peak of memory.

local measure = require "bench.measure"
local temp_folder = require "temp_folder"

local TURNS = tonumber(os.getenv "TURNS") or 40

local function curl(url)
  local base = url .. "/api/v1/projects/p"
  return ("curl -s -d grant_type=client_credentials %s/oauth2/token --next -s -d '{\"items\":[]}' %s/sessions "
    .. "--next -s -d '{}' %s/workflows/foo/versions/1/run"):format(url, base, base)
end

local function program(url)
  return ("env CDF_URL=%s CDF_PROJECT=p IDP_TOKEN_URL=%s/oauth2/token IDP_CLIENT_ID=me IDP_CLIENT_SECRET=secret "
    .. "lua5.4 lua/cdfworkflow/program/bin/cdfworkflow run foo 1"):format(url, url)
end

return function(add)
  local folder = temp_folder.new()
  local usage = measure.program(folder, "usage")
  measure.with_cdf(function(url)
    local function times(command)
      local said = measure.run(("%s %d %s"):format(measure.pinned(usage), TURNS, command))
      local cpu, peak = said:match "(%S+) (%S+)"
      return tonumber(cpu), tonumber(peak) / 1024
    end
    local cpu, peak = times(program(url))
    print(("curl, the three requests of a cold run: %.1f ms of CPU, %.1f MB"):format(times(curl(url))))
    add("cdfworkflow run, not waited for: CPU", cpu, 25, "ms")
    add("cdfworkflow run, not waited for: peak of memory", peak, 16, "MB")
  end)
  folder:remove()
end
