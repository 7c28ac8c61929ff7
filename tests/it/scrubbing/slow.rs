//! Scrubs texts in which something begins again and again and ends nowhere near.

use std::time::Duration;

use sentry::{ClientOptions, protocol::Event};
use tokio::time::Instant;
use tower_vitals::scrub::Scrubbing;

use super::{LONG, client};
use crate::support::dsn::{Answer, Dsn};

#[test]
fn a_megabyte_takes_a_moment() {
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new());
    for text in [
        "a".repeat(1 << 20),
        "4".repeat(1 << 20),
        "a@".repeat(1 << 19),
        "x=".repeat(1 << 19),
        "a://".repeat(1 << 18),
    ] {
        let began = Instant::now();
        client.capture_event(
            Event {
                message: Some(text),
                ..Event::default()
            },
            None,
        );
        assert!(client.flush(Some(LONG)));
        // A rule that looks back from each character would take hours. An optimised build takes tens of milliseconds.
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}

/// Texts in which something begins again and again and ends nowhere near. If each beginning is followed to an end, the time
/// grows with the square of the length: from seconds to hours.
#[test]
fn a_text_made_to_be_slow_takes_a_moment() {
    const LENGTH: usize = 1 << 17;
    let often = |unit: &str| unit.repeat(LENGTH / unit.len());
    let nested = often("(\"pin\",A(") + &often("),") + " x";
    let texts = [
        often("pin=a "),
        often("\"cookie: a"),
        often("\"\"cookie: a\n"),
        often("pin=< "),
        often("pin=<a>"),
        often("/auth:1."),
        often("é(\"pin\",\"\"\""),
        often("--token "),
        often("<pin>tokenA:"),
        often("http:\\/\\/a?b=c&"),
        format!("pin=({}", often("\\")),
        nested,
        often("(\"token\", x(") + &often(")\"a\"").repeat(2),
        often("pass(\"a\","),
        often("password is "),
        often("password a1b2c3"),
        often("http -a "),
        often("form-data; name=pin\n\n"),
        often("Cookie: a\n "),
        often("eyJaaaa.\n"),
        often("eyJaaaa-AKIA0123456789ABCDEF-"),
        often("code="),
        often("code=/"),
        often("MHcCAQEEaaaaaaaaaaaaaaaaaaaa\n"),
        often("aaaaaaaa="),
        often("pin: !a a"),
        // With a match of another kind in between, none of them may be read to the end of the line.
        often("curl http -a b:c "),
        often("mysql AKIA0123456789ABCDEF "),
        often("mysql redis-cli -a x "),
        often("Failing row contains [Filtered] "),
        often("UPDATE a SET token = $1 -- binds: [1] "),
        often("Token(6f1c7810aaaaaaaa "),
        often("Session(6f1c7810aaaaaaaa "),
        often("--token < "),
        often("é for value \"x\" "),
        often("name: token "),
        often("{name: token, a: b, "),
        often("{\"key\":\"token\","),
        often("value: a name: b\n"),
        often("(value: a, (value: a, name: token "),
        often("{{{{{{{{name: token}"),
        often("name: Key(Key(Key("),
        often("name: \"token"),
        often("name: token, value: \""),
        often("name: token value: ("),
        often("AUTH a b c "),
        often("\"AUTH \"a"),
        often("\"auth\" \""),
        often("PASS \"a"),
        often(";path=/;"),
        often("a=b; HttpOnly"),
        often("aaaa;HttpOnly"),
        often("/verify/a/"),
        often("/reset/reset/reset/"),
        often("/reset/8f14e45fceea167a"),
        often("code=a&"),
        often("code: \"a\", state: "),
        often("code=a state=b "),
        often("sig=a"),
        often("kty d: \"a\" "),
        often("kty d=\"a"),
        often(") = ("),
        often("(token) = ("),
        often("(token) = ('"),
        often("pgp_sym_decrypt('"),
        often("set password for a"),
        often("set password for a = 'b' "),
        often("identified with a by "),
        often("IDENTIFIED BY a"),
        often("IDENTIFIED BY '"),
        often("attach a as b key "),
        often("Basic(\""),
        often("Basic(\"a\","),
        often("Basic(Some(\""),
        often("Pin(1234"),
        often("--token \""),
        often("--token --"),
        often("-pw \"a"),
        often("-storepass a "),
        often("select token from a params: "),
        often("select token from a args: ["),
        often("values: "),
        often("SELECT values: "),
        often("secret \"a b c d"),
        often("secret \"a b c d\" "),
        often("passphrase: a a a a "),
        often("mnemonic=a b "),
        often("t1.aaaaaaaaaa"),
        often("ldapsearch -w "),
        often("ldapsearch a "),
        often("snmpwalk -A "),
        often("tokens=1,"),
        often("tokens=[1,"),
        often("--tokens [1,"),
        often("--token {--token "),
        often("snmpwalk a "),
        often("openssl a -k "),
        often("openssl a "),
        often("7z a -p"),
        often("smbclient -U a"),
        often("htpasswd -b a "),
        often("v1.0-"),
        often("aaa1Q~"),
        often("A3-"),
        often("Bearer token"),
        often("token order-17-"),
        often("arn:token:a"),
        often("urn:a:token:a"),
        often("password: must have "),
        often("token: Clone "),
        often("connect to auth:80 "),
        often("Cookie { name: a, value: "),
        often("pass=a; Path=/"),
        often("[(\"token\","),
        often("\"--token\",\""),
        often("\"--token\","),
        often("code=%41&"),
        often("name%3Dtoken"),
        often("invalid token '"),
        often("invalid token 'a"),
        often("invalid a b token \"aaaaaa\" "),
        often("'aaaaaa' as a"),
        often("\"a\" is a "),
        often("a a token 'aaaaaa' is "),
        often("token: invalid \""),
        often("token: rejected value ["),
        often("password value: "),
        often("ENV TOKEN "),
        often("machine a login a"),
        often("{kind: A(Str(\"a\"), path: [\"token\"]"),
        often("\\npin=a "),
        often("\\\\n"),
    ];
    // Names of the application go the same ways as those that are built in.
    let scrubbing = Scrubbing::new().key("a").key("tax");
    for text in texts {
        let began = Instant::now();
        let _ = scrubbing.scrub(&text);
        let took = began.elapsed();
        // An optimised build takes a few hundredths of a second.
        assert!(took < Duration::from_secs(15), "{took:?}: {text:.40}");
    }
}

/// Beginnings of what is filtered, and what ends them or keeps them open.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "pin", "token", "password", "Cookie", "Bearer ", "name", "value", "key", "--token ", "mysql ", "-p", "curl -u ",
    "INSERT INTO a (pin) VALUES (", "SELECT token FROM a ", "binds: ", "http://", "@", "=", ":", ": ", ",", ";", " ", "\n",
    "\\n", "\"", "'", "\\\"", "(", ")", "[", "]", "{", "}", "<", ">", "&", "?", "%3D", "a", "b1", "4111", "Array", "Some(",
];

/// Periodic texts can be fast by chance: what is looked for may be near in each period. Each text has other pieces: one that opens
/// something can hide all after it.
#[test]
fn a_text_without_a_period_takes_a_moment() {
    const LENGTH: usize = 1 << 16;
    let scrubbing = Scrubbing::new().key("tax");
    for seed in 1..=32_u64 {
        let mut state = seed;
        let mut below = |limit: usize| {
            // The multiplier and the addend are those of Knuth's MMIX.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or_default() % limit
        };
        let pieces: Vec<_> = PIECES.iter().filter(|_| below(3) == 0).collect();
        let mut text = String::new();
        while text.len() < LENGTH {
            text.push_str(pieces[below(pieces.len())]);
        }
        let began = Instant::now();
        let _ = scrubbing.scrub(&text);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}: seed {seed}");
    }
}

#[test]
fn a_long_list_of_options_takes_a_moment() {
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new());
    let list = format!("[{}\"x\"]", "\"-token\",".repeat(1 << 16));
    let began = Instant::now();
    client.capture_event(
        Event {
            message: Some(list),
            ..Event::default()
        },
        None,
    );
    assert!(client.flush(Some(LONG)));
    assert!(began.elapsed() < Duration::from_secs(10));
}
