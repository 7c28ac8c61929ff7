//! Removes secrets from everything that is sent to Sentry.

mod clients;

mod generator;

mod health_data;

mod lost;

mod structure;

mod rules;

mod slow;

mod surfaces;

mod texts;

use std::time::Duration;

use sentry::{
    ClientOptions, Envelope, Level,
    protocol::{
        Breadcrumb, Context, Event, Exception, Frame, LogEntry, Map, Request, Stacktrace, Thread,
        TraceContext, User, Value,
    },
};
use tower_vitals::sentry::guard;

use crate::support::dsn::{Answer, Dsn};

const LONG: Duration = Duration::from_secs(20);

/// Secrets as they appear in texts, each with the part that must not leave.
const SECRETS: &[(&str, &str)] = &[
    ("Authorization: Bearer abcSENTINELbearer", "SENTINELbearer"),
    ("Basic dXNlcjpTRU5USU5FTA==", "dXNlcjpTRU5USU5FTA"),
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJTRU5USU5FTCJ9.SENTINELjwt",
        "SENTINELjwt",
    ),
    ("AKIASENTINEL12345678", "AKIASENTINEL"),
    ("ghp_SENTINELgithub0123456789", "SENTINELgithub"),
    ("xoxb-123456789012-SENTINELslack", "SENTINELslack"),
    ("sk_live_SENTINELstripe123", "SENTINELstripe"),
    (
        "card 4111 1111 1111 1111 or 5500-0000-0000-0004",
        "4111 1111",
    ),
    ("card 5500-0000-0000-0004.", "5500-0000"),
    ("4111111111111111", "4111111111111111"),
    (
        "mail to sentinel.person+tag@mail.example.org",
        "sentinel.person",
    ),
    ("password=SENTINELpassword1", "SENTINELpassword1"),
    ("client_secret: 'SENTINEL secret 2'", "SENTINEL secret 2"),
    (r#"{"api_key":"SENTINEL\"key"}"#, r#"SENTINEL\"key"#),
    (
        "postgres://user:SENTINELdb@db.internal:5432/shop",
        "SENTINELdb",
    ),
    (
        "postgres://user:SENTINEL/d#b@db.internal:5432/shop",
        "SENTINEL/d",
    ),
    (
        "https://example.org/cb?code=SENTINELcode&x=1#SENTINELfragment",
        "SENTINELcode",
    ),
    ("https://example.org/cb?SENTINELbare", "SENTINELbare"),
    ("https://example.org/#access=SENTINELhash", "SENTINELhash"),
    (
        "https://hooks.slack.com/services/T000/B000/SENTINELhook",
        "SENTINELhook",
    ),
    ("password%3DSENTINELpercent", "SENTINELpercent"),
    ("x%26token%3DSENTINELamp", "SENTINELamp"),
    ("Authorization%3A%20Bearer%20SENTINELcoded", "SENTINELcoded"),
    ("SENTINELmail%40example.org", "SENTINELmail"),
    ("https%3A%2F%2Fu%3ASENTINELuserinfo%40h", "SENTINELuserinfo"),
    (
        "-----BEGIN+PRIVATE+KEY-----SENTINELplus-----END+PRIVATE+KEY-----",
        "SENTINELplus",
    ),
    (r#"{\"password\":\"SENTINELonce\"}"#, "SENTINELonce"),
    (
        r#"{\\\"password\\\":\\\"SENTINELtwice\\\"}"#,
        "SENTINELtwice",
    ),
    (r#"password: Some("SENTINELsome")"#, "SENTINELsome"),
    (r#"token: Token("SENTINELtuple")"#, "SENTINELtuple"),
    (r#"{"tokens":["SENTINELlist"]}"#, "SENTINELlist"),
    ("password => SENTINELarrow", "SENTINELarrow"),
    ("<password>SENTINELxml</password>", "SENTINELxml"),
    ("run --password SENTINELoption", "SENTINELoption"),
    ("password=abc,SENTINELcomma", "SENTINELcomma"),
    ("password=abc&SENTINELand", "SENTINELand"),
    ("password=abc;SENTINELsemi", "SENTINELsemi"),
    ("password=abc<SENTINELless", "SENTINELless"),
    (r"password='a\'SENTINELquote'", "SENTINELquote"),
    ("Cookie: a=b; theme=SENTINELcookie", "SENTINELcookie"),
    (
        "auth=SENTINELauth session=SENTINELsession otp=SENTINELotp pin: SENTINELpin",
        "SENTINEL",
    ),
    ("Bearer:SENTINELcolon", "SENTINELcolon"),
    (r#"Bearer "SENTINELquoted1""#, "SENTINELquoted"),
    ("Bearer\u{a0}SENTINELnbsp", "SENTINELnbsp"),
    ("password\t=\n SENTINELspaces", "SENTINELspaces"),
    (
        r#"Digest username="a", response="SENTINELdigest""#,
        "SENTINELdigest",
    ),
    (r#""jane SENTINELlocal"@example.org"#, "SENTINELlocal"),
    (
        "https://discord.com/api/webhooks/123456/SENTINELdiscord",
        "SENTINELdiscord",
    ),
    ("4111.1111.1111.1111", "4111.1111"),
    ("4111  1111  1111  1111", "4111  1111"),
    ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "1111\u{a0}1111"),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    (
        "Proxy-Authorization: Negotiate SENTINELkerberos",
        "SENTINELkerberos",
    ),
    (
        r#"Authorization: Hawk id="1", mac="SENTINELhawk""#,
        "SENTINELhawk",
    ),
    ("cookies: a=1; other=SENTINELcookies", "SENTINELcookies"),
    ("runner glrt-SENTINELgitlab1", "SENTINELgitlab1"),
    ("xapp-1-A0SENTINELslack-1", "SENTINELslack-1"),
    ("whsec_SENTINELstripe2", "SENTINELstripe2"),
    ("token_ghp_SENTINELgithub2", "SENTINELgithub2"),
    (r#"password: b"SENTINEL bytes""#, "SENTINEL bytes"),
    (
        r#"{"password":{"value":"SENTINELnested"}}"#,
        "SENTINELnested",
    ),
    (
        r#"password: Password { value: "SENTINELstruct" }"#,
        "SENTINELstruct",
    ),
    (r#"("password", "SENTINELpair")"#, "SENTINELpair"),
    (r"postgres:\/\/u:SENTINELslash@db\/x", "SENTINELslash"),
    (r"http:/\/u:SENTINELuneven@db\/x", "SENTINELuneven"),
    (r"http:\\\/\/u:SENTINELslashes@db\/x", "SENTINELslashes"),
    ("password: :SENTINELx", "SENTINELx"),
    ("4111\t1111\n1111\u{2009}1111", "4111\t1111"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nSENTINELpem\n-----END RSA PRIVATE KEY-----",
        "SENTINELpem",
    ),
    ("x%2526token%253DSENTINELcodedtwice", "SENTINELcodedtwice"),
    ("password%2525253DSENTINELcodedoften", "SENTINELcodedoften"),
    (
        r#"Header { name: "Authorization", value: "SENTINELheader" }"#,
        "SENTINELheader",
    ),
    (
        r#"Cookie { name: "sid", value: "SENTINELsid" }"#,
        "SENTINELsid",
    ),
    (
        "Key (session_token)=(SENTINELunique) already exists.",
        "SENTINELunique",
    ),
    (
        "Key (user_id, lower(session_token::text))=(1, SENTINELcolumns) already exists.",
        "SENTINELcolumns",
    ),
    (
        r#"password: Validation error: length [{"min": Number(8), "value": String("SENTINELinvalid")}]"#,
        "SENTINELinvalid",
    ),
    (
        r#"Url { scheme: "https", path: "/cb", query: Some("code=SENTINELdebug"), fragment: Some("SENTINELdebug") }"#,
        "SENTINELdebug",
    ),
    ("no route for /cb?code=SENTINELrelative", "SENTINELrelative"),
    (r#"GET "/cb?a&code=SENTINELmarked#a""#, "SENTINELmarked"),
    ("card378282246310005", "378282246310005"),
    (
        "{&quot;password&quot;:&quot;SENTINELhtml&quot;}",
        "SENTINELhtml",
    ),
    ("password&#61;SENTINELentity", "SENTINELentity"),
    (
        r"{\u0022password\u0022:\u0022SENTINELunicode\u0022}",
        "SENTINELunicode",
    ),
    (
        "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0mSENTINELcoloured",
        "SENTINELcoloured",
    ),
    ("password\u{ff1a}SENTINELwide", "SENTINELwide"),
    ("password\u{200b}=SENTINELnowidth", "SENTINELnowidth"),
    (
        "INSERT INTO users (name, password) VALUES ('bob', 'SENTINEL''insert)')",
        "SENTINEL''insert",
    ),
    (
        "CREATE USER bob WITH PASSWORD 'SENTINELrole'",
        "SENTINELrole",
    ),
    (
        "GRANT ALL TO bob IDENTIFIED BY 'SENTINELgrant'",
        "SENTINELgrant",
    ),
    (
        r#"invalid password "SENTINEL said" for bob"#,
        "SENTINEL said",
    ),
    ("the password was 'SENTINELwas'", "SENTINELwas"),
    (
        "hash $2b$12$SENTINELabcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRST",
        "SENTINELabc",
    ),
    (
        "$argon2id$v=19$m=65536,t=3,p=4$SENTINELsalt$SENTINELhash",
        "SENTINELhash",
    ),
    ("userPassword {SSHA}SENTINELldap0123", "SENTINELldap"),
    ("C: AUTH PLAIN AFNFTlRJTkVMAFNFTlRJTkVM", "AFNFTlRJTkVM"),
    ("CONFIG SET requirepass SENTINELredis", "SENTINELredis"),
    ("mysql -h db -uroot -pSENTINELmysql shop", "SENTINELmysql"),
    ("sshpass -p SENTINELssh ssh db", "SENTINELssh"),
    (
        "docker login -u bob -p SENTINELdocker hub.test",
        "SENTINELdocker",
    ),
];

fn all_secrets() -> String {
    let texts: Vec<_> = SECRETS.iter().map(|(text, _)| *text).collect();
    texts.join(" \n ")
}

/// The text around the secret; `None` if it is not there.
fn around(text: &str, secret: &str) -> Option<String> {
    let at = text.find(secret)?;
    let start = (0..at.saturating_sub(80))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    let place = &text[start.unwrap_or(0)..];
    Some(place.chars().take(200).collect())
}

/// Fails with the first secret that is found, plain or as JSON escapes it.
fn assert_clean(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for (_, secret) in SECRETS {
        let escaped = secret.replace('\\', r"\\").replace('"', r#"\""#);
        for form in [*secret, &escaped] {
            assert_eq!(around(&text, form), None, "{secret}");
        }
    }
    assert_eq!(around(&text, "SENTINEL"), None);
    assert_eq!(around(&text, "203.0.113.7"), None);
}

/// A guarded client of the application that sends to `dsn`.
fn client(dsn: &Dsn, options: ClientOptions) -> sentry::Client {
    sentry::Client::with_options(guard(options.dsn(&dsn.url())))
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(all_secrets().into(), |inner, level| match level % 2 {
        0 => Value::Array(vec![inner]),
        _ => Value::Object([("level".to_owned(), inner)].into_iter().collect()),
    })
}

fn values() -> Map<String, Value> {
    let keyed = Value::Object([(all_secrets(), Value::from(1))].into_iter().collect());
    [
        ("text".to_owned(), all_secrets().into()),
        ("list".to_owned(), vec![all_secrets(); 2].into()),
        ("keys".to_owned(), keyed.clone()),
        ("names".to_owned(), keyed),
        ("deep".to_owned(), deep(200)),
        ("password".to_owned(), "SENTINELplain".into()),
        ("X-Auth_Token".to_owned(), vec!["SENTINELplain"].into()),
        (
            "apiKey".to_owned(),
            serde_json::json!({"inner": "SENTINELplain", "number": 1234}),
        ),
    ]
    .into_iter()
    .collect()
}

/// An event with secrets in every field that holds text.
fn full_event() -> Event<'static> {
    let text = || Some(all_secrets());
    let texts = || -> Map<String, String> {
        [
            ("text".into(), all_secrets()),
            ("token".into(), "SENTINELplain".into()),
        ]
        .into_iter()
        .collect()
    };
    let frames = vec![Frame {
        function: text(),
        context_line: text(),
        vars: values(),
        ..Frame::default()
    }];
    let stacktrace = || {
        Some(Stacktrace {
            frames: frames.clone(),
            ..Stacktrace::default()
        })
    };
    let trace = TraceContext {
        description: text(),
        data: values(),
        ..TraceContext::default()
    };
    Event {
        message: text(),
        logentry: Some(LogEntry {
            message: all_secrets(),
            params: vec![all_secrets().into()],
        }),
        logger: text(),
        culprit: text(),
        transaction: text(),
        server_name: Some(all_secrets().into()),
        fingerprint: vec![all_secrets().into()].into(),
        user: Some(User {
            id: text(),
            email: text(),
            username: text(),
            ip_address: Some("203.0.113.7".parse().unwrap()),
            other: values(),
        }),
        request: Some(Request {
            url: Some(
                "http://user:SENTINELuser@shop.test/a?card=SENTINELcard&SENTINELbare#SENTINELhash"
                    .parse()
                    .unwrap(),
            ),
            method: Some("GET".into()),
            data: Some("SENTINEL body".into()),
            query_string: Some("token=SENTINELa&x=SENTINELb&SENTINELc".into()),
            cookies: Some("a=SENTINEL".into()),
            headers: texts(),
            env: [("HOME".into(), "SENTINELhome".into())].into(),
        }),
        contexts: [
            ("other".to_owned(), Context::Other(values())),
            ("trace".to_owned(), Context::Trace(Box::new(trace))),
        ]
        .into_iter()
        .collect(),
        breadcrumbs: vec![Breadcrumb {
            message: text(),
            category: text(),
            data: values(),
            ..Breadcrumb::default()
        }]
        .into(),
        exception: vec![Exception {
            ty: all_secrets(),
            value: text(),
            module: text(),
            stacktrace: stacktrace(),
            ..Exception::default()
        }]
        .into(),
        stacktrace: stacktrace(),
        threads: vec![Thread {
            name: text(),
            ..Thread::default()
        }]
        .into(),
        tags: texts(),
        extra: values(),
        ..Event::default()
    }
}

fn saying(message: &str) -> Event<'static> {
    Event {
        message: Some(message.into()),
        level: Level::Info,
        ..Event::default()
    }
}

/// The item that arrives for an envelope.
fn arrived(envelope: Envelope, kind: &str) -> Value {
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new());
    client.send_envelope(envelope);
    assert!(client.flush(Some(LONG)));
    let mut items = dsn.items(kind);
    assert_eq!(items.len(), 1, "it arrived");
    items.remove(0)
}
