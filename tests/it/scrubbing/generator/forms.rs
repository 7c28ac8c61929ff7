//! Prints secrets in the forms in which code prints values.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sentry::protocol::Value;
use serde_json::json;

use super::apart;

pub(super) const CARD: &str = "4111111111111111";

/// Secrets that their own form betrays.
const FORMED: &[&str] = &[
    "AKIASENTINEL12345678",
    "ghp_SENTINELgithub0123456789",
    "github_pat_SENTINELgithub0123456789",
    "glpat-SENTINELgitlab0123",
    "xoxb-123456789012-SENTINELslack",
    "sk_live_SENTINELstripe123",
    "npm_SENTINELnpm0123456789",
    "glrt-SENTINELgitlab0123",
    "gldt-SENTINELgitlab0123",
    "xapp-1-A0123456789-SENTINELslack",
    "whsec_SENTINELstripe123",
    "token_ghp_SENTINELgithub0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.SENTINELjwt",
    "Bearer SENTINELbearer1",
    "sentinel.person+tag@mail.example.org",
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111\t1111\t1111\t1111",
    "4111\n1111\n1111\n1111",
    "4111\u{2009}1111\u{2009}1111\u{2009}1111",
    r"postgres:\/\/user:SENTINELdb@db.internal:5432\/shop",
    "postgres://user:SENTINELdb@db.internal:5432/shop",
    "user:SENTINELdb@tcp(db.internal:3306)/shop",
    "user:SENTINEL@db@unix(/run/mysqld.sock)/shop",
    "curl -u bob:SENTINELcurl https://shop.test/",
    "curl -sSu 'bob:SENTINEL curl' https://shop.test/",
    "curl https://shop.test/ --user bob:SENTINELcurl",
    "https://example.org/cb?code=SENTINELcode&x=1#SENTINELfragment",
    "https://hooks.slack.com/services/T000/B000/SENTINELhook",
    "-----BEGIN PRIVATE KEY-----\nSENTINELpem\n-----END PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nSENTINELpem\nSENTINELpem\n-----END EC PRIVATE KEY-----",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwSENTINELkey\nMIIEowIBAAKCAQEASENTINELkey01234567",
    "eyJhbGciOiJIUzI1NiJ9.\neyJzdWIiOiIxIn0.\nSENTINELjwt",
    "eyJhbGciOiJIUzI1NiJ9\r\n  .eyJzdWIiOiIxIn0\r\n  .SENTINELjwt",
    "http -a bob:SENTINELhttpie shop.test/orders",
    "http --form -a bob:SENTINELhttpie shop.test/orders",
    "redis-cli -h cache -a SENTINELredis PING",
    "jdbc:oracle:thin:scott/SENTINELoracle@//db.internal:1521/shop",
    "sqlplus -s scott/SENTINELoracle@shop",
    "jdbc:sqlserver://db:1433;user=sa;password=SENTINELado;encrypt=true",
    "Server=db;User Id=sa;Password=SENTINELado;Encrypt=yes",
    "mongodb+srv://user:SENTINELmongo@cluster0.example.net/shop",
    "amqps://user:SENTINEL%2Fcoded%40@mq.internal/%2f",
    "rediss://:SENTINELredis@cache.internal:6379/0",
    "dXNlcjpTRU5USU5FTA==",
    "user%5Bpassword%5D=SENTINELquery",
    "user[credentials][pass]=SENTINELquery",
];

/// Secrets that need quotation marks or lines of their own. They are printed as they are, and by `Debug`.
const LONG_FORMS: &[&str] = &[
    "Authorization: Bearer\r\n SENTINELfolded",
    "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nSENTINEL part\r\n--b--",
    "--b\nContent-Disposition: form-data; name=token; filename=\"a\"\nContent-Type: text/plain\n\nSENTINELpart\nSENTINELpart",
    "db:\n  password: !vault SENTINELtag\n  user: bob",
    "db:\n  password: &main SENTINELanchor\n  user: bob",
    "let password: String = \"SENTINEL typed\".into();",
    "Credentials(\"bob\", \"SENTINEL second\")",
    "HOME=/root\nDB_PASS=SENTINELenv\nPGPASS=SENTINELenv\nGITHUB_PAT=SENTINELenv\nDB_PW=SENTINELenv\nAPP_KEY=base64:SENTINELenv",
    "Cookie: a=1; PHPSESSID=SENTINELphp",
    "PHPSESSID=SENTINELphp",
    "Object {\"credentials\": Object {\"user\": String(\"bob\"), \"value\": String(\"SENTINELvalue\")}}",
    "{\"x-api-key\": \"SENTINELmap\", \"host\": \"shop.test\"}",
    "the password SENTINELsaid1 was refused",
    "password of bob is SENTINELsaid1",
    "token SENTINEL1a2b3c",
    "api key SENTINELkey12345",
    "session SENTINEL1a2b3c4d closed",
    "passwort: SENTINELwort",
    "pass phrase: SENTINELphrase",
    "password for bob: SENTINELsaid1",
    "invalid api key 'SENTINELkey12345'",
    "no user with token `SENTINEL1a2b3c`",
    "recovery code SENTINEL1-a2b3 was used",
    "ALTER USER bob IDENTIFIED BY SENTINELrole1",
    "PRAGMA key = 'SENTINELcipher'",
    "mongosh -u bob -p SENTINELmongo shop",
    "<property name=\"password\">SENTINELxml</property>",
    "<input type=\"password\" id=\"p\" value=\"SENTINEL input\">",
    "oauth_verifier=SENTINELoauth&SAMLResponse=SENTINELsaml",
];

/// Headers whose secret is not the first word of the value.
const HEADERS: &[&str] = &[
    "Authorization: Basic dXNlcjpTRU5USU5FTA==",
    "Authorization: Negotiate SENTINELkerberos",
    "Authorization=NTLM SENTINELntlm",
    "Authorization: Token SENTINELtoken",
    "Authorization: ApiKey SENTINELapikey",
    "Authorization: Of-Ones-Own SENTINELown",
    "Authorization: Hawk id=\"1\", mac=\"SENTINELhawk\"",
    "Proxy-Authorization: Basic dXNlcjpTRU5USU5FTA==",
    "Proxy-Authorization: Negotiate SENTINELkerberos",
    "Cookie: a=1; other=SENTINELcookie",
    "cookies: a=1; other=SENTINELcookies",
];

/// Names whose values are secrets.
const NAMES: &[&str] = &[
    "password",
    "client_secret",
    "api_key",
    "accessToken",
    "session_id",
    "X-Auth-Token",
    "Set-Cookie",
    "db.passwd",
];

const VALUE: &str = "SENTINELvalue1";

#[derive(Debug)]
#[expect(dead_code, reason = "printed by `Debug`")]
struct Inner<'a> {
    id: u32,
    note: &'a str,
    list: Vec<&'a str>,
    maybe: Option<&'a str>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed by `Debug`")]
struct Outer<'a> {
    inner: Inner<'a>,
}

/// A secret with a form of its own, as code prints it.
fn of_formed(secret: &str) -> Vec<String> {
    let inner = || Inner {
        id: 7,
        note: secret,
        list: vec![secret],
        maybe: Some(secret),
    };
    let outer = Outer { inner: inner() };
    let map = BTreeMap::from([("note", secret)]);
    let json = json!({"id": 7, "note": secret, "deep": {"list": [secret]}}).to_string();
    let coded = utf8_percent_encode(secret, NON_ALPHANUMERIC);
    vec![
        secret.to_owned(),
        format!("it failed: {secret}"),
        format!("no ({secret}), sorry"),
        format!("{secret:?}"),
        format!("{:?}", Some(secret)),
        format!("{:?}", inner()),
        format!("{outer:?}"),
        format!("{outer:#?}"),
        format!("{map:?}"),
        format!("{:?}", ("note", secret)),
        json!({ "body": json }).to_string(),
        json!([secret, secret]).to_string(),
        format!("sent {json}"),
        json,
        format!("note={secret} id=7"),
        format!("x-note: {secret}\r\ndate: today"),
        format!("https://shop.test/a?note={coded}"),
        format!("note={coded}&id=7"),
        format!("INSERT INTO t (note) VALUES ('{secret}')"),
        format!("<note>{secret}</note>"),
    ]
}

/// The value of a name, as code prints it.
fn of_named(name: &str) -> Vec<String> {
    let json = json!({ name: VALUE, "id": 7 }).to_string();
    let map = BTreeMap::from([(name, VALUE)]);
    vec![
        format!("{name}={VALUE}"),
        format!("{name} = {VALUE}"),
        format!("{name}: {VALUE}"),
        format!("{name} => {VALUE}"),
        format!("{name}: invalid {VALUE}"),
        format!("{name}: unknown value '{VALUE}'."),
        format!("{name}='{VALUE}'"),
        format!("a {name}: \"{VALUE}\" b"),
        format!("Login {{ id: 7, {name}: {VALUE:?} }}"),
        format!("Login {{\n    id: 7,\n    {name}: {VALUE:?},\n}}"),
        format!("Outer {{ login: Login {{ {name}: {VALUE:?} }} }}"),
        format!("{name}: {:?}", Some(VALUE)),
        format!("{name}: Secret({VALUE:?})"),
        format!("{name}: b\"a {VALUE}\" was refused"),
        format!("no {name}: Secret {{ inner: Inner {{ value: {VALUE:?} }} }} in it"),
        format!("the headers {:?} are wrong", [(name, VALUE)]),
        format!("name={name:?} value={VALUE:?}"),
        format!("Header {{ name: {name:?}, value: {VALUE:?} }}"),
        format!(r#"sent {{"string_value":"a \" {VALUE}","label":"{name}"}} twice"#),
        format!("sent {} twice", json!([{ "name": name, "value": VALUE }])),
        format!("sent {} twice", json!({ name: {"value": {"deep": VALUE}} })),
        format!(r#"sent {{"{name}":"a\/{VALUE}"}}"#),
        format!("{map:?}"),
        json!({ "body": json }).to_string(),
        format!("{:?}", json),
        format!("sent {json}"),
        json,
        json!({ name: [VALUE] }).to_string(),
        json!({ name: {"value": VALUE} }).to_string(),
        json!({ name: {"deep": [{"er": VALUE}]} }).to_string(),
        json!([{ "name": name, "value": VALUE }]).to_string(),
        json!([[name, VALUE]]).to_string(),
        json!(["run", format!("--{name}"), VALUE]).to_string(),
        format!("https://shop.test/a?{name}={VALUE}"),
        format!("id=7&{name}={VALUE}"),
        format!("{name}%3D{VALUE}"),
        format!("{name}: {VALUE}\r\ndate: today"),
        format!(
            "UPDATE users SET {} = '{VALUE}' WHERE id = 7",
            name.replace(['-', '.'], "_")
        ),
        format!(
            "INSERT INTO users (id, {}) VALUES (7, '{VALUE}')",
            name.replace(['-', '.'], "_")
        ),
    ]
}

pub(super) fn texts() -> Vec<String> {
    let formed = FORMED
        .iter()
        .chain(HEADERS)
        .flat_map(|secret| of_formed(secret));
    let named = NAMES.iter().flat_map(|name| of_named(name));
    let long = LONG_FORMS.iter().chain(apart::TEXTS).flat_map(|text| {
        [
            (*text).to_owned(),
            format!("it failed: {text}"),
            format!("{text:?}"),
            format!("sent {}", json!({ "body": text })),
        ]
    });
    formed.chain(named).chain(long).collect()
}

/// Secrets in values that are no texts.
pub(super) fn structures() -> Vec<Value> {
    let numbers = [
        json!(4_111_111_111_111_111_u64),
        json!(4_111_111_111_111_111.0),
    ];
    let named = NAMES.iter().flat_map(|name| {
        let mut named = vec![
            json!({ *name: VALUE }),
            json!({ *name: {"value": VALUE} }),
            json!({ *name: {"value": VALUE, "type": "string"} }),
            json!({ *name: [VALUE, {"deep": [VALUE]}] }),
            json!({ "name": name, "value": VALUE }),
            json!({ "key": name, "value": {"string_value": VALUE} }),
            json!({ "header_name": name, "header_value": [VALUE] }),
            json!({ "value": VALUE, "field": name, "required": true }),
            json!([name, VALUE]),
            json!([[name, [VALUE]]]),
            json!(["curl", format!("--{name}"), VALUE, "-v"]),
            json!({ "body": json!({ *name: {"value": VALUE} }).to_string() }),
            json!({ "body": json!({ "b": json!({ *name: VALUE }).to_string() }).to_string() }),
        ];
        if *name == "password" {
            named.push(json!({ *name: 4_111_111_111_111_111_u64 }));
        }
        named
    });
    let others = [
        json!({"headers": {"x-note": VALUE}}),
        json!({"request_headers": [["x-note", VALUE]]}),
        json!({"rawHeaders": ["x-note", VALUE]}),
        json!({"http.request.header.x-note": VALUE}),
        json!({"url": format!("/a?note={VALUE}#{VALUE}")}),
        json!({"urls": [format!("/a?note={VALUE}"), format!("//u:{VALUE}@h/b")]}),
        json!({"http.target": format!("/a?{VALUE}")}),
        json!({"url.query": format!("note={VALUE}")}),
        json!({"span_id": "4111-1111-1111-1111"}),
        json!({"trace_id": CARD}),
        json!({"sid": format!("{CARD}{CARD}")}),
        json!({"query": {"sid": format!("{CARD}{CARD}")}}),
        json!({"op": "replace", "path": "/password", "value": VALUE}),
        json!({"op": "add", "path": "/user/password", "value": {"deep": VALUE}}),
        json!({"id": "password", "value": VALUE}),
        json!({"type": "password", "name": "p", "value": VALUE}),
        json!({"loc": ["body", "password"], "input": VALUE}),
        json!(["user", "bob", "password", VALUE]),
        json!({"names": ["password"], "values": [VALUE]}),
        json!({"columns": ["id", "token"], "rows": [[1, VALUE]]}),
        json!({"relative": format!("/cb?code={VALUE}")}),
        json!({"query": "mutation($p: String!) { login(password: $p) { ok } }", "variables": {"p": VALUE}}),
        json!({"operationName": "NewToken", "variables": {"input": [VALUE]}}),
    ];
    let formed = FORMED.iter().chain(HEADERS).flat_map(|secret| {
        [
            json!(secret),
            json!({ *secret: 1 }),
            json!([{"a": [secret]}]),
        ]
    });
    let apart = apart::STRUCTURES
        .iter()
        .map(|text| serde_json::from_str(text).unwrap());
    numbers
        .into_iter()
        .chain(named)
        .chain(apart)
        .chain(others)
        .chain(formed)
        .collect()
}
