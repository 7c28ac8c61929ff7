use super::*;

/// Each text, and what is left of it.
fn are_scrubbed(rows: &[(&str, &str)]) {
    let scrubbing = Scrubbing::new();
    let wrong: Vec<_> = rows
        .iter()
        .map(|(text, expected)| (text, scrubbing.scrub(text), expected))
        .filter(|(_, kept, expected)| kept != *expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Each text is left as it is.
fn stay(texts: &[&str]) {
    let rows: Vec<_> = texts.iter().map(|text| (*text, *text)).collect();
    are_scrubbed(&rows);
}

/// Each value, and what is left of it.
fn values_are_scrubbed(rows: &[(&str, &str)]) {
    let scrubbing = Scrubbing::new();
    let scrub = |text: &str| {
        let mut value = serde_json::from_str(text).unwrap();
        scrubbing.scrub_field("note", &mut value, 0);
        value.to_string()
    };
    let wrong: Vec<_> = rows
        .iter()
        .map(|(text, expected)| (text, scrub(text), expected))
        .filter(|(_, kept, expected)| kept != *expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// As `Debug`, JSON and Python print a text of several lines.
#[test]
fn a_secret_at_the_beginning_of_an_escaped_line_is_filtered() {
    are_scrubbed(&[
        (r#""set -e\nmysql -phunter2""#, r#""set -e\n[Filtered]"#),
        (
            r"b'HTTP/1.1 200 OK\r\nSet-Cookie: a=1; remember=hunter2'",
            r"b'HTTP/1.1 200 OK\r\nSet-Cookie: [Filtered]",
        ),
        (
            r#""GET /\nAuthorization: Negotiate hunter2""#,
            r#""GET /\nAuthorization: [Filtered]"#,
        ),
        (
            "/a%0d%0aCookie: a=1; theme=hunter2",
            "/a%0d%0aCookie: [Filtered]",
        ),
        (r"a\npass=hunter2", r"a\npass=[Filtered]"),
        (r"a\tpin=1234", r"a\tpin=[Filtered]"),
        (r"a\r\npw: hunter2", r"a\r\npw: [Filtered]"),
        (r"a\\npin=1234", r"a\npin=[Filtered]"),
        (r"a\u000apin=1234", r"a\npin=[Filtered]"),
        (r"a\0auth=hunter2", r"a\0auth=[Filtered]"),
        (r"x\nBearer hunter22", r"x\nBearer [Filtered]"),
        (r"x\nghp_SENTINELgithub0123456789", r"x\n[Filtered]"),
        (
            r"x\npostgres://bob:hunter2@db/shop",
            r"x\npostgres://[Filtered]@db/shop",
        ),
        (
            r"x\ncurl -u bob:hunter2 http://a",
            r"x\ncurl -u [Filtered] http://a",
        ),
        (r"x\nsqlplus scott/hunter2@db", r"x\nsqlplus [Filtered]@db"),
        (r"x\npassword hunter2", r"x\npassword [Filtered]"),
        (r"x\notp 482913", r"x\notp [Filtered]"),
        (
            r"x\nINSERT INTO t (password) VALUES ('hunter2')",
            r"x\nINSERT INTO t (password) VALUES ([Filtered])",
        ),
        (
            r"x\ncode=aB3xK9dLm2Q&state=xyz",
            r"x\ncode=[Filtered]&state=xyz",
        ),
    ]);
}

#[test]
fn escapes_without_a_secret_stay() {
    stay(&[
        r"C:\new\pin\token.txt",
        r"C:\tokens\reset\password.txt",
        r#""\n\tSELECT id\n\tFROM orders\n""#,
        r"one\ntwo\\nthree",
    ]);
}

/// A line that gets an end in the middle would look like two in a log.
#[test]
fn a_text_of_one_line_stays_one() {
    are_scrubbed(&[
        (r"a\nb\npin=1234", r"a\nb\npin=[Filtered]"),
        ("a%0Apin=1234", r"a\npin=[Filtered]"),
        ("a\nb\\npin=1234", "a\nb\npin=[Filtered]"),
    ]);
}

#[test]
fn a_secret_among_the_arguments_of_a_command_is_filtered() {
    values_are_scrubbed(&[
        (
            r#"["mysql","-phunter2","shop"]"#,
            r#"["[Filtered]","[Filtered]","shop"]"#,
        ),
        (
            r#"{"argv":["mysql","-P",3306,"-phunter2"]}"#,
            r#"{"argv":["[Filtered]","[Filtered]","[Filtered]","[Filtered]"]}"#,
        ),
        (
            r#"["curl","-u","bob:hunter2","http://a"]"#,
            r#"["curl","-u","[Filtered]","http://a"]"#,
        ),
        (
            r#"["redis-cli","-a","hunter2","PING"]"#,
            r#"["[Filtered]","[Filtered]","[Filtered]","PING"]"#,
        ),
        (
            r#"["sshpass","-p","hunter2","ssh","db"]"#,
            r#"["[Filtered]","[Filtered]","[Filtered]","ssh","db"]"#,
        ),
        (
            r#"["shop","--password","hunter2","-v"]"#,
            r#"["shop","--password","[Filtered]","-v"]"#,
        ),
        (
            r#"["DB_PASSWORD=correct horse","PORT=80"]"#,
            r#"["DB_PASSWORD=[Filtered]","PORT=80"]"#,
        ),
    ]);
}

#[test]
fn arguments_without_a_secret_stay() {
    let lists = [
        r#"["mkdir","-p","/srv/shop"]"#,
        r#"["docker","run","-p","8080:80","shop"]"#,
        r#"["openssl version","curl -k https://shop.test/health"]"#,
        r#"["--max-tokens","17"]"#,
        r#"["--token","--verbose"]"#,
        r#"["id","token","state"]"#,
        r#"["keyboard=a b","a = b"]"#,
        r#"[1,2.5,null,true]"#,
    ];
    values_are_scrubbed(&lists.map(|list| (list, list)));
}

#[test]
fn a_name_of_the_application_is_known_in_texts() {
    let scrubbing = Scrubbing::new().key("--").key("Tax Number").key("größe");
    for (text, kept) in [
        ("tax_number=abc x", "tax_number=[Filtered] x"),
        ("old tax number: abc", "old tax number: [Filtered]"),
        ("TAXNUMBER = abc", "TAXNUMBER = [Filtered]"),
        ("/a?my-tax-number=abc", "/a?my-tax-number=[Filtered]"),
        (r#"{"taxNumber":"a b"} x"#, r#"{"taxNumber":[Filtered]} x"#),
        (
            r#"Person { tax_number: Some("a b"), n: 1 }"#,
            "Person { tax_number: [Filtered], n: 1 }",
        ),
        (r#"TaxNumber("a b")"#, "TaxNumber([Filtered])"),
        (r#"("tax_number", "a b")"#, r#"("tax_number", [Filtered])"#),
        (
            "<taxNumber>a b</taxNumber>",
            "<taxNumber>[Filtered]</taxNumber>",
        ),
        ("shop --tax-number abc", "shop --tax-number [Filtered]"),
        (
            "name: tax_number, value: abc",
            "name: tax_number, value: [Filtered]",
        ),
        (
            "INSERT INTO t (id, tax_number) VALUES (1, 'a b')",
            "INSERT INTO t (id, tax_number) VALUES ([Filtered])",
        ),
        (
            "UPDATE t SET tax_number = $1 -- binds: ['a b']",
            "UPDATE t SET tax_number = $1 -- binds: [Filtered]",
        ),
        (
            "(id, tax_number) = (1, 'a b')",
            "(id, tax_number) = ([Filtered])",
        ),
        ("GRÖSSE=7 Größe=17", "GRÖSSE=7 Größe=[Filtered]"),
        (
            "a tax on number 17: it is paid",
            "a tax on number 17: it is paid",
        ),
        ("tax=17 number=18", "tax=17 number=18"),
    ] {
        assert_eq!(scrubbing.scrub(text), kept);
        assert_eq!(scrubbing.clone().scrub(kept), kept);
    }
}

#[test]
fn many_names_of_the_application_have_room() {
    let name = |number: usize| format!("a_rather_long_name_of_the_application_{number}");
    let mut scrubbing = Scrubbing::new();
    for number in 0..300 {
        scrubbing = scrubbing.key(&name(number));
    }
    let kept = scrubbing.scrub(&format!("{}=abc", name(299)));
    assert_eq!(kept, format!("{}=[Filtered]", name(299)));
}

#[test]
fn a_password_with_blanks_in_marks_is_filtered_whole() {
    are_scrubbed(&[
        (r#"redis-cli -a "correct horse" PING"#, "[Filtered] PING"),
        (
            r#"["redis-cli","-a","correct horse","PING"] x"#,
            r#"["[Filtered],"PING"] x"#,
        ),
        (r#"mysql -u root -p"correct horse" shop"#, "[Filtered] shop"),
        ("zip -P 'correct horse' a.zip", "[Filtered] a.zip"),
        (
            r#"docker login -u bob -p "correct horse" quay.io"#,
            "[Filtered] quay.io",
        ),
        (r#"setx API_TOKEN "correct horse" /M"#, "[Filtered] /M"),
        ("rabbitmqctl add_user bob 'correct horse'", "[Filtered]"),
        (
            r#"smbclient -U "bob%correct horse" //srv"#,
            "[Filtered] //srv",
        ),
        (
            r#"docker run -e "DB_PASSWORD=correct horse" shop"#,
            r#"docker run -e "DB_PASSWORD=[Filtered]" shop"#,
        ),
        ("'--password=correct horse' x", "'--password=[Filtered]' x"),
        (
            r#"{"env":["DB_PASSWORD=correct horse","PORT=80"]} x"#,
            r#"{"env":["DB_PASSWORD=[Filtered]","PORT=80"]} x"#,
        ),
    ]);
}

#[test]
fn what_follows_a_password_in_marks_stays() {
    are_scrubbed(&[
        (
            r#"sh -c "mysql -phunter2" and "more""#,
            r#"sh -c "[Filtered] and "more""#,
        ),
        (
            r#"msg="password=hunter2 of bob""#,
            r#"msg="password=[Filtered] of bob""#,
        ),
        (
            r#"msg="TOKEN=hunter2" user=bob"#,
            r#"msg="TOKEN=[Filtered]" user=bob"#,
        ),
        (
            r#"redis-cli -a "hunter2 and no end"#,
            "[Filtered] and no end",
        ),
    ]);
}

#[test]
fn numbers_of_tokens_stay() {
    let details = r#"{"completion_tokens_details":{"audio_tokens":null,"reasoning_tokens":3}}"#;
    values_are_scrubbed(&[
        (details, details),
        (r#"{"max_tokens":-1}"#, r#"{"max_tokens":-1}"#),
        (
            r#"{"completion_tokens_details":{"note":"hunter2"}}"#,
            r#"{"completion_tokens_details":{"note":"[Filtered]"}}"#,
        ),
    ]);
    are_scrubbed(&[
        ("status=ok tokens=482913", "status=ok tokens=[Filtered]"),
        ("mfa tokens=17", "mfa tokens=[Filtered]"),
        ("auth_tokens=17", "auth_tokens=[Filtered]"),
    ]);
}

#[test]
fn a_program_that_is_an_argument_of_another_is_no_call() {
    stay(&[
        "docker run --name mongo -p 27017:27017 mongo:7",
        "docker run mongo -p 127.0.0.1:27017:27017/tcp",
        "find /var/lib/mysql -name '*.ibd' -print0",
        "wget https://a.test/a.zip -P dir",
    ]);
    are_scrubbed(&[
        ("/usr/bin/mysql -phunter2", "/usr/bin/[Filtered]"),
        (r"C:\bin\mysql.exe -phunter2", r"C:\bin\[Filtered]"),
        ("mongo -u bob -p hunter2", "[Filtered]"),
    ]);
}

#[test]
fn each_value_of_an_insert_with_a_secret_is_filtered() {
    let kept = "INSERT INTO t (name, pin) VALUES ([Filtered])";
    for values in [
        "'bob', 4821",
        r#""bob", "4821""#,
        "'b;ob', -4821",
        "'bob', 4821), ('ann', 4822",
        "$$bob$$, $1",
        "$1, 4821",
        "N'bob', crypt('4821', gen_salt('bf'))",
    ] {
        let text = format!("INSERT INTO t (name, pin) VALUES ({values})");
        assert_eq!(Scrubbing::new().scrub(&text), kept);
    }
    are_scrubbed(&[
        (
            "INSERT INTO a (id) VALUES (1) INSERT INTO t (pin) VALUES (4821) RETURNING id",
            "INSERT INTO a (id) VALUES (1) INSERT INTO t (pin) VALUES ([Filtered]) RETURNING id",
        ),
        (
            "INSERT IGNORE INTO [t] ([pin]) OUTPUT INSERTED.id VALUES ('4821')",
            "INSERT IGNORE INTO [t] ([pin]) OUTPUT INSERTED.id VALUES ([Filtered])",
        ),
        (
            "INSERT INTO t (pin) OVERRIDING SYSTEM VALUE VALUES ('4821",
            "INSERT INTO t (pin) OVERRIDING SYSTEM VALUE VALUES ([Filtered]",
        ),
    ]);
    stay(&[
        "INSERT INTO t (name, pin) VALUES ($1, $2), (?, :pin)",
        "INSERT INTO t (pin) VALUES (@pin, NULL, now(), DEFAULT)",
        "INSERT INTO a (id, note) VALUES (17, 'pin')",
    ]);
}

#[test]
fn a_password_in_an_address_without_its_usual_form_is_filtered() {
    are_scrubbed(&[
        (
            "HTTP_PROXY=bob:hunter2@proxy:3128",
            "HTTP_PROXY=[Filtered]@proxy:3128",
        ),
        (
            r#"got {"authority":"bob:hunter2@localhost"}"#,
            r#"got {"authority":"[Filtered]@localhost"}"#,
        ),
        (
            "postgres://bob:it's2@db/shop and 'more'",
            "postgres://[Filtered]@db/shop and 'more'",
        ),
        ("cut at postgres://bob:hunt", "cut at postgres://[Filtered]"),
        ("redis://:hunter2...", "redis://[Filtered]"),
    ]);
    values_are_scrubbed(&[
        (
            r#"{":authority":"bob:hunter2@localhost:80"}"#,
            r#"{":authority":"[Filtered]@localhost:80"}"#,
        ),
        (
            r#"{"http_proxy":"bob:hunter2@proxy"}"#,
            r#"{"http_proxy":"[Filtered]@proxy"}"#,
        ),
        (
            r#"{"url":"postgres://bob:hunt"}"#,
            r#"{"url":"postgres://[Filtered]"}"#,
        ),
    ]);
}

#[test]
fn addresses_without_a_password_stay() {
    stay(&[
        "http://localhost:8080",
        "(http://auth:8080), http://db:5432...",
        "http://[fe80::1ff:fe23]",
        "http://host:port and http://{host}:{port}",
        "docker://redis:alpine",
        "mongodb://a:27017,b:27017",
        "url 'http://a:80' of bob's",
        "npm:react@18.2.0",
        "proxy: cache:8080",
        "authority: shop.test:443",
    ]);
    let values = [
        r#"{":authority":"shop.test:443"}"#,
        r#"{"target":"shop::auth@2"}"#,
        r#"{"http_proxy":"proxy:3128"}"#,
    ];
    values_are_scrubbed(&values.map(|value| (value, value)));
}

/// As Go, Node, Java, Python, Elixir, PHP and Ruby print values.
#[test]
fn a_value_is_filtered_to_its_end_whatever_the_language() {
    let kept = "x { tokens: [Filtered], n: 1 }";
    for value in [
        r#"main.Secret{v:"a", w:"b"}"#,
        r#"[]string{"a", "b"}"#,
        r#"map[string]string{"a":"b", "c":"d"}"#,
        "[]uint8{0x68, 0x75}",
        "(*main.Secret)(0xc000012345)",
        "Set(2) { 'a', 'b' }",
        "Map(1) { 'a' => 'b' }",
        "Uint8Array(2) [ 104, 117 ]",
        "[Object: null prototype] { a: 'b' }",
        "'a' +\n    'b'",
        "Credentials[user=bob, value=b]",
        "Optional[a b]",
        "shop.auth.Credentials(user='bob', value='b')",
        r#"%Credentials{user: "bob", value: "b"}"#,
        "~s(a b)",
        r#"~c"a b""#,
        "<<104, 117>>",
        "array(2) {\n  [0]=>\n  string(1) \"a\"\n}",
        "Array\n(\n    [0] => a\n)",
        "stdClass Object ( [a] => b )",
        "object(Cred)#2 (1) { [\"v\"]=> string(1) \"a\" }",
    ] {
        let text = format!("x {{ tokens: {value}, n: 1 }}");
        assert_eq!(Scrubbing::new().scrub(&text), kept, "{value}");
    }
    are_scrubbed(&[
        ("DB_PASSWORD=aB3}x9 n=1", "DB_PASSWORD=[Filtered] n=1"),
        ("DB_PASSWORD=aB3]x9'y\"z", "DB_PASSWORD=[Filtered]"),
    ]);
}

#[test]
fn what_follows_a_value_stays() {
    are_scrubbed(&[
        (
            r#"{"a":{"pin":4821},"b":["c"]}"#,
            r#"{"a":{"pin":[Filtered]},"b":["c"]}"#,
        ),
        (r#"{"pin":4821,"b":1}"#, r#"{"pin":[Filtered]"b":1}"#),
        ("['pin=4821','b']", "['pin=[Filtered]','b']"),
        (
            "token=Some(\"a\") (attempt 3) {b}",
            "token=[Filtered] (attempt 3) {b}",
        ),
        ("pin=1234 + 'b'", "pin=[Filtered] + 'b'"),
    ]);
}
