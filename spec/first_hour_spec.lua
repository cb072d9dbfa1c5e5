-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4 luajit
-- The mistakes of a first hour, each with the sentence that it gets: the real program, real sockets, real TLS. In a
-- sentence `<url>` and the like stand for what differs from run to run, `(…)` for the words of libcurl and of its TLS
-- library, which differ from one to another.

local certificates = require "certificates"
local program = require "program"
local shell = require "shell"
local wire = require "wire"

local NONE = "" -- as a value: the variable is not set

--- Answers as a company's web site does, and as a proxy that wants to know who asks, and whose way out is down.
local SITE = [[
local connection = ...
for request in function() return read(connection) end do
  if request.method == "CONNECT" and request.path:find "^out%-of%-reach" then
    reply(connection, 503, "<html>The host is not found.</html>")
  elseif request.method == "CONNECT" then
    reply(connection, 407, "who are you", 'Proxy-Authenticate: Basic realm="plant"\r\n')
  elseif request.path:find "^/moved" then
    reply(connection, 302, "", "Location: https://elsewhere.example/\r\n")
  else
    reply(connection, 200, "<html><body>Welcome</body></html>", "Content-Type: text/html\r\n")
  end
end
]]

--- What nginx does with a handshake that comes to a port for http.
local WITHOUT_TLS = [[
local connection = ...
connection:read(-100)
send(connection, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
]]

local authority, servers, places = nil, {}, {}

local function keep(name, server)
  servers[#servers + 1] = server
  places[name] = server.url
  places[name .. "-address"] = server.url:match "^%a+://(.*)"
end

local function issued(name, options)
  authority:issue(name, options)
  return "--certificate", ("%s/%s.pem"):format(authority.folder, name), "--key",
    ("%s/%s.key"):format(authority.folder, name)
end

local TOKEN_REQUEST = "the token request to <url>/oauth2/token"
local UNSEEN = "; this client has never reached it, so check "
local LOGIN = "; check IDP_CLIENT_ID, IDP_CLIENT_SECRET, IDP_TOKEN_URL and IDP_SCOPES"
local WRONG_SECRET = TOKEN_REQUEST .. " was answered with 401: invalid_client: AADSTS7000215: Invalid client secret "
  .. "provided."
local WRONG_PROJECT = "POST /sessions was answered with 401: Unauthorized; check the credentials, and that they give "
  .. "access to the project "
local NO_AUTHORITY = "; if the certificate comes from a private authority, name its file in CDF_CA_FILE"
local NO_FILE = "; CDF_CA_FILE must be a file of certificates in PEM form that can be read"

--- What is wrong; what the variables are; the exit status; the sentence. `words`: the command line, unless told
--- `run daily-report 1`. `at`: the server that the settings lead to. `files`: what lies in the folder. `with_gnutls`:
--- the sentence where GnuTLS does not say what is wrong.
local MISTAKES = {
  -- {==== Settings that are missing or misspelt ====
  { "the project is not named", { CDF_PROJECT = NONE }, 2, "the environment variable CDF_PROJECT is not set" },
  { "nothing says where CDF is", { CDF_URL = NONE }, 2,
    "the environment variable CDF_CLUSTER is not set (nor is CDF_URL)" },
  { "the client id is missing", { IDP_CLIENT_ID = NONE }, 2,
    "the environment variable IDP_CLIENT_ID is not set (LOGIN_FLOW is client_credentials)" },
  { "the secret is missing", { IDP_CLIENT_SECRET = NONE }, 2,
    "the environment variable IDP_CLIENT_SECRET is not set (LOGIN_FLOW is client_credentials)" },
  { "nothing says who gives tokens", { IDP_TOKEN_URL = NONE }, 2,
    "the environment variable IDP_TENANT_ID is not set (nor is IDP_TOKEN_URL)" },
  { "a token is to be used, and there is none", { LOGIN_FLOW = "token" }, 2,
    "the environment variable CDF_TOKEN is not set (LOGIN_FLOW is token)" },
  { "the provider is misspelt", { PROVIDER = "entra" }, 2,
    'PROVIDER is entra, and must be one of entra_id, auth0, cdf, other; did you mean "entra_id"?' },
  { "the flow is misspelt", { LOGIN_FLOW = "client_credential" }, 2,
    "LOGIN_FLOW is client_credential, and must be client_credentials or token" },
  { "the flow needs a person", { LOGIN_FLOW = "interactive" }, 2,
    "LOGIN_FLOW is interactive, which needs a person with a browser; client_credentials and token work without" },
  { "CDF_URL has no https", { CDF_URL = "westeurope-1.cognitedata.com" }, 2,
    "CDF_URL is not a URL that begins with https://" },
  { "CDF_URL is http", { CDF_URL = "http://westeurope-1.cognitedata.com" }, 2,
    "CDF_URL must be https (plain http is for loopback only)" },
  { "CDF_URL is that of a request", { CDF_URL = "https://westeurope-1.cognitedata.com/api/v1/projects/p" }, 2,
    "CDF_URL must end before /api/v1" },
  { "CDF_CLUSTER is a whole address", { CDF_URL = NONE, CDF_CLUSTER = "https://westeurope-1.cognitedata.com" }, 2,
    "CDF_CLUSTER must be a name such as westeurope-1: letters, digits, '-' and '.', without .cognitedata.com" },
  { "CDF_CLUSTER is a host", { CDF_URL = NONE, CDF_CLUSTER = "westeurope-1.cognitedata.com" }, 2,
    "CDF_CLUSTER must be a name such as westeurope-1: letters, digits, '-' and '.', without .cognitedata.com" },
  { "CDF_CLUSTER comes from a file of Windows", { CDF_URL = NONE, CDF_CLUSTER = "westeurope-1\r" }, 2,
    "CDF_CLUSTER (ends with a line end) must be a name such as westeurope-1: letters, digits, '-' and '.', "
      .. "without .cognitedata.com" },
  { "CDF_URL comes from a file of Windows", { CDF_URL = "https://westeurope-1.cognitedata.com\r" }, 2,
    "CDF_URL (ends with a line end) contains a character that cannot stand in a URL" },
  { "CDF_URL is in quotes", { CDF_URL = '"https://westeurope-1.cognitedata.com"' }, 2,
    "CDF_URL (in quotes) is not a URL that begins with https://" },
  { "the project has a blank behind it", { CDF_PROJECT = "p " }, 2,
    "CDF_PROJECT begins or ends with white space" },
  { "the token URL has no https", { IDP_TOKEN_URL = "login.example.com/token" }, 2,
    "IDP_TOKEN_URL is not a URL that begins with https://" },
  { "the token comes with its Bearer", { LOGIN_FLOW = "token", CDF_TOKEN = "Bearer abc" }, 2,
    'CDF_TOKEN must be the token alone, without "Bearer"' },
  { "seconds have a unit", { CDF_CLIENT_TIMEOUT = "30s" }, 2,
    "CDF_CLIENT_TIMEOUT is 30s, and must be a number of seconds from 0.001 to 604800" },
  { "the .env file is not there", {}, 2, "my.env cannot be read: No such file or directory",
    words = { "--env-file", "my.env", "run", "daily-report", "1" } },
  { "a line of the .env file is no setting", {}, 2, ".env, line 2: expected NAME=value, and nothing behind it",
    files = { [".env"] = "CDF_PROJECT=p\nCDF_CLUSTER westeurope-1\n" } },
  { "the extractor's file lacks the client", { IDP_CLIENT_ID = NONE, IDP_CLIENT_SECRET = NONE }, 2,
    "my.yaml: cognite.idp-authentication.client-id is missing",
    words = { "--config", "my.yaml", "run", "daily-report", "1" },
    files = { ["my.yaml"] = "cognite:\n  project: p\n  idp-authentication:\n    secret: s\n" } },
  -- }====

  -- {==== Settings that are wrong ====
  { "the project is another", { CDF_PROJECT = "my-projct" }, 6,
    "POST /sessions was answered with 401: Unauthorized; check the credentials, and that they give access to the "
      .. "project my-projct" },
  { "the secret is wrong", { IDP_CLIENT_SECRET = "old" }, 6, TOKEN_REQUEST .. " was answered with 401: "
    .. "invalid_client: AADSTS7000215: Invalid client secret provided." .. LOGIN },
  { "the project is in quotes", { CDF_PROJECT = '"p"' }, 6, WRONG_PROJECT .. '"p"' },
  { "the project has a blank in it", { CDF_PROJECT = "my project" }, 6, WRONG_PROJECT .. "my project" },
  { "the secret is in quotes", { IDP_CLIENT_SECRET = '"s3cr3t"' }, 6,
    WRONG_SECRET .. "; check IDP_CLIENT_ID, IDP_CLIENT_SECRET (in quotes), IDP_TOKEN_URL and IDP_SCOPES" },
  { "the secret comes from a file of Windows", { IDP_CLIENT_SECRET = "s3cr3t\r" }, 6,
    WRONG_SECRET .. "; check IDP_CLIENT_ID, IDP_CLIENT_SECRET (ends with a line end), IDP_TOKEN_URL and IDP_SCOPES" },
  { "the secret has a blank behind it in the .env file", { IDP_CLIENT_SECRET = NONE }, 6,
    WRONG_SECRET .. "; check IDP_CLIENT_ID, IDP_CLIENT_SECRET (.env, line 2, begins or ends with a blank), "
      .. "IDP_TOKEN_URL and IDP_SCOPES", files = { [".env"] = "# mine\nIDP_CLIENT_SECRET='s3cr3t '\n" } },
  { "id and secret are swapped", { IDP_CLIENT_ID = "s3cr3t", IDP_CLIENT_SECRET = "me" }, 6, TOKEN_REQUEST
    .. " was answered with 400: unauthorized_client: AADSTS700016: Application not found in the directory." .. LOGIN },
  { "the client id is wrong", { IDP_CLIENT_ID = "you" }, 6, TOKEN_REQUEST .. " was answered with 400: "
    .. "unauthorized_client: AADSTS700016: Application not found in the directory." .. LOGIN },
  { "the token has ended", { LOGIN_FLOW = "token", CDF_TOKEN = "abc.def.ghi" }, 6,
    "POST /sessions was answered with 401: Unauthorized; check CDF_TOKEN: it may have ended, be for another cluster "
      .. "than <url>, or give no access to the project p" },
  { "the path of the token URL is misspelt", { IDP_TOKEN_URL = "<url>/oauth2/tokn" }, 6, "the token request to "
    .. "<url>/oauth2/tokn was answered with 404, without an error text; nobody gives tokens there, check "
    .. "IDP_TOKEN_URL" },
  { "the host of the token URL is misspelt", { IDP_TOKEN_URL = "https://login.invalid/token" }, 75, "the token "
    .. "request to https://login.invalid/token: a name was not found (…)" .. UNSEEN .. "IDP_TOKEN_URL; nothing was "
    .. "started" },
  { "the token URL is a web page", { IDP_TOKEN_URL = "<site>/" }, 6, "the token request to <site>/ was answered with "
    .. "200, but the answer cannot be used: not JSON: …; check IDP_TOKEN_URL" },
  { "the token URL has moved", { IDP_TOKEN_URL = "<site>/moved" }, 6, "the token request to <site>/moved was answered "
    .. "with 302, without an error text; redirects are never followed, check IDP_TOKEN_URL" },
  { "CDF_URL is a web page", { CDF_URL = "<site>" }, 6, "POST /sessions was answered with 200, but the answer cannot "
    .. "be used: not JSON: …; check CDF_URL" },
  { "CDF_URL has a path too many", { CDF_URL = "<url>/fusion" }, 6,
    "POST /sessions was answered with 404: Not found; check CDF_URL" },
  { "the cluster is misspelt", { CDF_URL = NONE, CDF_CLUSTER = "westeurop-1.invalid" }, 75,
    "POST /sessions: a name was not found (…)" .. UNSEEN .. "CDF_CLUSTER; nothing was started" },
  { "the port is wrong", { CDF_URL = "<nobody>" }, 75, "POST /sessions: no connection (…)" .. UNSEEN
    .. "CDF_URL; nothing was started" },
  -- }====

  -- {==== Certificates ====
  { "the authority is the company's own, and not named", { CDF_CA_FILE = NONE }, 6,
    TOKEN_REQUEST .. ": no secure connection (…)" .. NO_AUTHORITY },
  { "the file of the authority is not there", { CDF_CA_FILE = "/nowhere.pem" }, 6,
    TOKEN_REQUEST .. ": no secure connection (…)" .. NO_FILE },
  { "the file of the authority is something else", { CDF_CA_FILE = "/etc/passwd" }, 6,
    TOKEN_REQUEST .. ": no secure connection (…)" .. NO_FILE,
    with_gnutls = TOKEN_REQUEST .. ": no secure connection (…)" .. NO_AUTHORITY },
  { "the certificate is for another name", {}, 6, TOKEN_REQUEST .. ": no secure connection (…); the certificate is "
    .. "for another name: check the host in IDP_TOKEN_URL", at = "elsewhere" },
  { "the certificate has expired", {}, 6, TOKEN_REQUEST .. ": no secure connection (…)", at = "expired",
    with_gnutls = TOKEN_REQUEST .. ": no secure connection (server certificate verification failed. …)"
      .. NO_AUTHORITY },
  { "this machine's clock is far behind", {}, 6, TOKEN_REQUEST .. ": no secure connection (…); check this machine's "
    .. "clock", at = "early",
    with_gnutls = TOKEN_REQUEST .. ": no secure connection (server certificate verification failed. …)"
      .. NO_AUTHORITY },
  { "https to a port without TLS", { CDF_URL = "https://<http-address>" }, 6, "POST /sessions: no secure connection "
    .. "(what answers there speaks no TLS); check that CDF_URL names a port with TLS" },
  { "https to a port whose server hangs up", { CDF_URL = "https://<plain-address>" }, 75, "POST /sessions: no "
    .. "connection (the connection ended in the TLS handshake); check that CDF_URL names a port with TLS; nothing was "
    .. "started" },
  -- }====

  -- {==== Proxies ====
  { "the proxy's port is wrong", { https_proxy = "http://<nobody-address>" }, 75, TOKEN_REQUEST .. ": no connection to "
    .. "the proxy <nobody-address> (https_proxy) (…); check https_proxy, or except the host by NO_PROXY; nothing was "
    .. "started" },
  { "the proxy's name is misspelt", { HTTPS_PROXY = "http://me:pass@proxy.invalid:3128" }, 75, TOKEN_REQUEST
    .. ": the name of the proxy proxy.invalid:3128 (HTTPS_PROXY) was not found (…); check HTTPS_PROXY, or except the "
    .. "host by NO_PROXY; nothing was started" },
  { "the proxy is a web server", { all_proxy = "<plain>" }, 6, TOKEN_REQUEST .. ": the proxy <plain-address> "
    .. "(all_proxy) refused (it answered 404 to CONNECT); check all_proxy, or except the host by NO_PROXY" },
  { "the proxy wants a password", { https_proxy = "<site>" }, 6, TOKEN_REQUEST .. ": the proxy <site-address> "
    .. "(https_proxy) refused (it asks for user and password (407)); check https_proxy, or except the host by NO_PROXY"
  },
  { "the proxy's password is wrong", { https_proxy = "http://me:pass@<site-address>" }, 6, TOKEN_REQUEST .. ": the "
    .. "proxy <site-address> (https_proxy) refused (it did not take user and password (407)); check https_proxy, or "
    .. "except the host by NO_PROXY" },
  { "the proxy's password has an @ in it", { https_proxy = "http://me:pass@3@<site-address>" }, 75, TOKEN_REQUEST
    .. ": the name of the proxy <site-address> (https_proxy) was not found (there is an @ too many in its URL); check "
    .. "https_proxy: signs other than letters and digits in its user or password must be percent-encoded; nothing was "
    .. "started" },
  { "the proxy's password has a slash in it", { https_proxy = "http://127.0.0.1:1/me:pass@<site-address>" }, 75,
    TOKEN_REQUEST .. ": no connection to the proxy <site-address> (https_proxy) (there is an @ too many in its URL); "
    .. "check https_proxy: signs other than letters and digits in its user or password must be percent-encoded; "
    .. "nothing was started" },
  { "NO_PROXY has a star in it", { https_proxy = "http://<nobody-address>", NO_PROXY = "localhost,*.0.0.1" }, 75,
    TOKEN_REQUEST .. ": no connection to the proxy <nobody-address> (https_proxy) (…); check https_proxy, or NO_PROXY, "
    .. "which does not except the host (names without scheme, port or *); nothing was started" },
  { "the proxy does not reach the host", { https_proxy = "<site>", IDP_TOKEN_URL = "https://out-of-reach/t" }, 75,
    "the token request to https://out-of-reach/t: no connection, by way of the proxy <site-address> (https_proxy) (it "
    .. "answered 503 to CONNECT)" .. UNSEEN .. "IDP_TOKEN_URL; nothing was started" },
  { "the proxy is named for http alone", { http_proxy = "<plain>", CDF_URL = "<nobody>" }, 75,
    "POST /sessions: no connection (…)" .. UNSEEN .. "CDF_URL (https takes https_proxy, not http_proxy); nothing was "
    .. "started" },
  { "the proxy's scheme is misspelt", { https_proxy = "htp://proxy.example:3128" }, 75, TOKEN_REQUEST .. ": no "
    .. "connection to the proxy proxy.example:3128 (https_proxy) (…); check https_proxy, or except the host by NO_PROXY"
    .. "; nothing was started" },
  -- }====

  -- {==== What is to be run ====
  { "there is no such workflow", {}, 6, "GET /workflows/daily-repor was answered with 404: Workflow not found.",
    words = { "run", "daily-repor" } },
  { "there is no such version", {}, 6, "POST /workflows/daily-report/versions/7/run was answered with 404: "
    .. "Workflow version not found.", words = { "run", "daily-report", "7" } },
  { "there are several versions", {}, 2, "the workflow two-versions has several versions, so name one: 1, 2",
    words = { "run", "two-versions" } },
  { "the workflow has no version yet", {}, 2, "the workflow without-version has no version",
    words = { "run", "without-version" } },
  { "the input is no JSON", {}, 2, "--input: not JSON: unexpected character at line 1, column 2",
    words = { "run", "daily-report", "1", "-i", "{site: north}" } },
  { "the input is a list", {}, 2, "--input must be a JSON object, not an array",
    words = { "run", "daily-report", "1", "-i", "[1]" } },
  { "the input's file is not there", {}, 2, "site.json: No such file or directory",
    words = { "run", "daily-report", "1", "-i", "@site.json" } },
  { "metadata has no value", {}, 2, "--metadata takes KEY=VALUE, not 'site'",
    words = { "run", "daily-report", "1", "-m", "site" } },
  { "an option is misspelt", {}, 2,
    "unknown option '--inptu'; did you mean \"--input\"? (see cdfworkflow run --help)",
    words = { "run", "daily-report", "1", "--inptu", "{}" } },
  { "a command is misspelt", {}, 2, "unknown command 'runn'; did you mean \"run\"? (see cdfworkflow --help)",
    words = { "runn", "daily-report" } },
  { "the id is no id", {}, 2, 'execution must be a UUID of 36 characters, got "daily-report"',
    words = { "show", "daily-report" } },
  { "there is no such run", {}, 6, "GET /workflows/executions/059edaa4-a17a-4102-910e-2c3591500cce was answered with "
    .. "404: Workflow execution not found.", words = { "show", "059edaa4-a17a-4102-910e-2c3591500cce" } },
  { "the rights to make a session are missing", {}, 6, "POST /sessions was answered with 403: This answer was "
    .. "ordered; the credentials need the capability sessionsAcl CREATE", at = "narrow" },
  { "a duration is misspelt", {}, 2, "'soon' is no duration: a number with s, m, h or d behind it, such as 90s or 10m "
    .. "(see cdfworkflow run --help)", words = { "run", "daily-report", "1", "--wait", "-t", "soon" } },
  -- }====
}

local function filled(text) return (text:gsub("<([%w-]+)>", places)) end

--- The variables that lead to a server, with the mistake in them.
local function variables(mistake)
  places.url = places[mistake.at or "good"]
  local env = program.settings(places.url)
  env.CDF_CA_FILE = authority.ca_file
  for name, value in pairs(mistake[2]) do env[name] = value ~= NONE and filled(value) or nil end
  return env
end

--- Starts the program, which writes what it says into the folder.
local function command(mistake, folder)
  shell.run("mkdir " .. folder)
  for name, text in pairs(mistake.files or {}) do program.write(folder .. "/" .. name, text) end
  return ("(cd %s; %s >out 2>err </dev/null; echo $? >status)"):format(folder,
    program.command(mistake.words or { "run", "daily-report", "1" }, variables(mistake)))
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function pattern(text)
  return (filled(text):gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("…", ".-"))
end

local function said_by(last, sentence) return last:find("^cdfworkflow: " .. pattern(sentence) .. "$") ~= nil end

describe("the first hour:", function()
  local folder

  setup(function()
    authority = certificates.new()
    keep("good", program.world(issued("good")))
    keep("elsewhere", program.world(issued("elsewhere", { names = "DNS:elsewhere.example" })))
    keep("expired", program.world(issued("expired", { from = -7200, to = -3600 })))
    keep("early", program.world(issued("early", { from = 3600, to = 7200 })))
    keep("narrow", program.world("--fault", "session:403", issued "narrow"))
    keep("plain", program.world())
    keep("site", wire.serve(SITE))
    keep("http", wire.serve(WITHOUT_TLS))
    places.nobody = "https://127.0.0.1:" .. wire.free_port()
    places["nobody-address"] = places.nobody:match "//(.*)"
    folder = program.folder()
    local commands = {}
    for i, mistake in ipairs(MISTAKES) do commands[i] = command(mistake, ("%s/%d"):format(folder, i)) end
    -- All at the same time, since some take their five seconds.
    shell.run(table.concat(commands, " &\n") .. " &\nwait")
  end)

  teardown(function()
    for _, server in ipairs(servers) do server:stop() end
    authority:remove()
    shell.run("rm -rf " .. folder)
  end)

  for i, mistake in ipairs(MISTAKES) do
    it(mistake[1], function()
      local at = ("%s/%d/"):format(folder, i)
      places.url = places[mistake.at or "good"]
      local said = read(at .. "err")
      local last = said:match "([^\n]*)\n$"
      local gnutls = mistake.with_gnutls and last:find("CRLfile: none", 1, true) and said_by(last, mistake.with_gnutls)
      if not gnutls then assert.matches("^cdfworkflow: " .. pattern(mistake[4]) .. "$", last) end
      assert.equal(mistake[3], tonumber((read(at .. "status"))))
      assert.is_nil(said:find "s3cr3t" or said:find "me:pass")
    end)
  end
end)
