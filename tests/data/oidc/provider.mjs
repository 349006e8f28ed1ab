// A real OpenID Provider for tests: oidc-provider, with its own pages to sign in. Who signs in as NAME has the address NAME.
// Run: node provider.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
import Provider from "oidc-provider";

const [port, client_id, client_secret, redirect_uri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const plain = new Set(["plain@example.org"]); // whose address the provider doesn't vouch for

const provider = new Provider(issuer, {
  clients: [{
    client_id, client_secret, redirect_uris: [redirect_uri], grant_types: ["authorization_code"], response_types: ["code"],
    userinfo_signed_response_alg: process.env.SIGNED_USERINFO ? "RS256" : undefined,
    token_endpoint_auth_method: "client_secret_basic",
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  conformIdTokenClaims: true,
  cookies: { keys: ["of the tests"] },
  features: { devInteractions: { enabled: true }, jwtUserinfo: { enabled: true } },
  acrValues: ["strong"],
  async findAccount(ctx, id) {
    return { accountId: id, async claims() { return { sub: id, email: id, email_verified: !plain.has(id) }; } };
  },
  pkce: { required: () => true },
});
// the account's id is the subject
provider.listen(Number(port), "127.0.0.1", () => console.log(`ready ${issuer}`));
