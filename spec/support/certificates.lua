-- SPDX-License-Identifier: Apache-2.0
-- A certificate authority for specs, by the openssl command: good certificates, and those with one fault.

local shell = require "shell"

local certificates = {}

---@class spec.Authority
---@field folder string where all files are
---@field ca_file string the root certificate, in PEM form
local Authority = {}
Authority.__index = Authority

local CONFIG = [[
[ca]
default_ca = here
[here]
dir = %s
database = %s/index.txt
serial = %s/serial
new_certs_dir = %s
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = copy
[anything]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
]]

local function run(command)
  local said, status = shell.run(command)
  assert(status == 0, said)
end

local function write(name, text)
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
end

local function read(name)
  local file = assert(io.open(name, "r"))
  local text = file:read "*a"
  file:close()
  return text
end

local KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

--- A new authority in a folder of its own.
---@return spec.Authority
function certificates.new()
  local folder = shell.run("mktemp -d"):match "%S+"
  write(folder .. "/config", (CONFIG:gsub("%%s", folder)))
  write(folder .. "/index.txt", "")
  write(folder .. "/serial", "1000\n")
  run(("openssl req -x509 %s -days 2 -subj /CN=root -keyout %s/root.key -out %s/root.pem"):format(KEY, folder, folder))
  return setmetatable({ folder = folder, ca_file = folder .. "/root.pem" }, Authority)
end

local function date(seconds) return os.date("!%Y%m%d%H%M%SZ", os.time() + seconds) end

--- Makes `name.pem` and `name.key` in the folder.
---@param name string
---@param options? { names: string?, by: string?, from: number?, to: number?, authority: boolean? } `names`: its
---  subjectAltName, the loopback addresses unless told; `by`: who signs it, "root" unless told; `from`, `to`: seconds
---  from now
function Authority:issue(name, options)
  options = options or {}
  local at = self.folder .. "/"
  run(("openssl req -new %s -subj /CN=%s -addext subjectAltName=%s -keyout %s.key -out %s.csr"):format(
    KEY, name, options.names or "IP:127.0.0.1,IP:::1", at .. name, at .. name))
  local by = at .. (options.by or "root")
  local signs = options.authority and "authority" or "leaf"
  run(("openssl ca -batch -notext -config %sconfig -extensions %s -cert %s.pem -keyfile %s.key "
    .. "-startdate %s -enddate %s -in %s.csr -out %s.pem"):format(
    at, signs, by, by, date(options.from or -3600), date(options.to or 3600), at .. name, at .. name))
end

--- Makes `name.pem` and `name.key`, signed by itself.
---@param name string
function Authority:self_signed(name)
  local at = self.folder .. "/" .. name
  run(("openssl req -x509 %s -days 2 -subj /CN=%s -addext subjectAltName=IP:127.0.0.1 -keyout %s.key -out %s.pem")
    :format(KEY, name, at, at))
end

--- Makes a bundle as large as a system's: this root 200 times, and the certificates in those files.
---@param files string[]
---@return string path
function Authority:bundle(files)
  local path, parts = self.folder .. "/bundle.pem", {}
  for i = 1, 200 do parts[i] = read(self.ca_file) end
  for _, file in ipairs(files) do parts[#parts + 1] = read(file) end
  write(path, table.concat(parts))
  return path
end

--- Takes all files away.
function Authority:remove()
  os.execute("rm -r " .. shell.quote(self.folder))
end

return certificates
