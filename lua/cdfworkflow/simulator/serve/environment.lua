-- SPDX-License-Identifier: Apache-2.0
-- How a client is pointed at the simulator: the variables that the CDF Toolkit and this library read, as lines for a
-- shell. A secret that came from the environment is there already, and not printed.

local environment = {}

environment.HELP = [[
A client of this library, and whatever reads the CDF Toolkit's variables, is pointed at the simulator by
  cdfworkflow-sim --port 8080 --print-env > sim.env &        and then, in the shell of the client,
  . ./sim.env
which holds CDF_PROJECT, CDF_URL (http://HOST:PORT), LOGIN_FLOW, PROVIDER, IDP_CLIENT_ID, IDP_CLIENT_SECRET
and IDP_TOKEN_URL (http://HOST:PORT/oauth2/token; also /TENANT/oauth2/v2.0/token). Other clients: base URL
http://HOST:PORT, token URL as above, or a token of --token as bearer.]]

local function export(name, value)
  return ("export %s='%s'"):format(name, (value:gsub("'", "'\\''")))
end

---@param url string where the simulator listens
---@param given { project: string, client_id: string, client_secret: string? } without the secret when it came from the
---  environment
---@return string # lines, the first a comment
function environment.lines(url, given)
  local secret = given.client_secret and export("IDP_CLIENT_SECRET", given.client_secret)
    or "# IDP_CLIENT_SECRET is what it was in the environment of cdfworkflow-sim"
  return table.concat({
    "# cdfworkflow-sim listening on " .. url, export("CDF_PROJECT", given.project), export("CDF_URL", url),
    export("LOGIN_FLOW", "client_credentials"), export("PROVIDER", "other"), export("IDP_CLIENT_ID", given.client_id),
    secret, export("IDP_TOKEN_URL", url .. "/oauth2/token"),
  }, "\n") .. "\n"
end

return environment
