// SPDX-License-Identifier: Apache-2.0
// An OpenID provider (npm oidc-provider) and a CDF that believes nothing but its tokens: signature, issuer, audience
// and lifetime are checked (npm jose). Writes its port, then a line that begins with > for each request; ends with
// its standard output. Its arguments: id and secret of a client, a token's lifetime in seconds, and a PEM certificate,
// by which a second client, "by-certificate", proves who it is.

import { createServer } from "node:http";
import { randomUUID, webcrypto, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from "jose";
import Provider from "oidc-provider";

// Debian 12 has Node.js 18, which lacks these two.
globalThis.crypto ??= webcrypto;
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);

const [client_id, client_secret, lifetime, certificate] = process.argv.slice(2);
const AUDIENCE = "https://cdf.example";

setTimeout(() => process.exit(1), 120_000); // when its spec forgot it
process.stdout.on("error", () => process.exit(0));

const server = createServer();
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const certified = new X509Certificate(readFileSync(certificate)).publicKey.export({ format: "jwk" });
const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const provider = new Provider(issuer, {
  clients: [{
    client_id, client_secret, grant_types: ["client_credentials"], redirect_uris: [], response_types: [],
    token_endpoint_auth_method: "client_secret_post", scope: "runs",
  }, {
    client_id: "by-certificate", grant_types: ["client_credentials"], redirect_uris: [], response_types: [],
    token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "RS256", scope: "runs",
    jwks: { keys: [{ ...certified, use: "sig" }] },
  }],
  scopes: ["runs", "everything"],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "one", use: "sig", alg: "RS256" }] },
  cookies: { keys: ["not used"] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      getResourceServerInfo: () => ({
        scope: "runs", audience: AUDIENCE, accessTokenFormat: "jwt", accessTokenTTL: Number(lifetime),
      }),
    },
  },
});

const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
const answer = (response, status, body) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString() || "{}");
}

async function cdf(request, response) {
  const body = await read(request);
  const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  let claims;
  try {
    claims = (await jwtVerify(token, keys, { issuer, audience: AUDIENCE })).payload;
  } catch (problem) {
    console.log(`> refused ${problem.code}`);
    return answer(response, 401, { error: { code: 401, message: "Unauthorized" } });
  }
  console.log(`> ${request.url.split("/").pop()} ${claims.client_id} ${claims.scope ?? ""}`);
  if (request.url.endsWith("/sessions")) {
    const [item] = body.items;
    const good = item.tokenExchange || (item.clientId === client_id && item.clientSecret === client_secret);
    if (!good) return answer(response, 400, { error: { code: 400, message: "Invalid client credentials" } });
    return answer(response, 200, { items: [{ id: 1, status: "READY", nonce: "n-1" }] });
  }
  if (request.url.endsWith("/run"))
    return answer(response, 202, { id: randomUUID(), workflowExternalId: "w", version: "1", status: "RUNNING" });
  return answer(response, 200, { items: [] });
}

const oidc = provider.callback();
server.on("request", (request, response) => {
  if (request.url.startsWith("/api/")) return void cdf(request, response);
  if (request.url === "/token") console.log("> token");
  oidc(request, response);
});
console.log(server.address().port);
