//! Finds the secrets in calls of programs, which only the name of the program and an option tell: `mysql -p…`, `redis-cli -a …`.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{
    prefixes::{Key, any_of},
    replace::each_value,
    value::Quote,
};

/// The longest secret with blanks in marks, in bytes.
const LONGEST: usize = 512;

/// Calls up to the end of their secret. [`BLANKS`] has what `<blank>` and the others in a row stand for: `<arguments>` are all before
/// an option, `<same>` is a blank in the same line, and `<skipped>` is what stands before an option of the same command. Each
/// repetition has a bound: without one, each search could read the whole line.
#[rustfmt::skip]
const CALLS: &[Key] = &[
    ("Redis, its program", r#"redis-cli<arguments>(?:-a|--pass)<blank>{1,16}[!-~]+"#, "https://redis.io/docs/latest/develop/tools/cli/"),
    ("MySQL, its programs", r#"(?:mysql|mariadb)\w*<arguments>-p[!-,.-~][!-~]*"#, "https://dev.mysql.com/doc/refman/8.4/en/password-security-user.html"),
    ("sshpass, logins to registries, MongoDB's and Cassandra's programs", r#"(?:sshpass|(?:docker|podman|buildah|nerdctl|oras|registry|az|oc)<blank>{1,16}login|cqlsh|mongo(?:sh|dump|restore|export|import)?)<arguments>-p<blank>{0,16}[!-~]+"#, "https://docs.docker.com/reference/cli/docker/login/"),
    ("LDAP, its programs", r#"ldap(?:search|modify|add|delete|whoami|passwd|compare)<arguments>-w<blank>{0,16}[!-~]+"#, "https://www.openldap.org/software/man.cgi?query=ldapsearch"),
    ("zip, MQTT, IPMI and SQL Server, their programs", r#"(?:zip|unzip|mosquitto_(?:pub|sub)|ipmitool|sqlcmd|bcp)<arguments>-P<blank>{0,16}[!-~]+"#, "https://mosquitto.org/man/mosquitto_pub-1.html"),
    ("7-Zip, its programs", r#"7z[ar]?<arguments>-p[!-~]+"#, "https://7-zip.opensource.jp/chm/cmdline/switches/password.htm"),
    ("Samba, its programs", r#"(?:smbclient|rpcclient|smbget)<arguments>(?:-U|--user)=?<blank>{0,16}[!#-$&(-~]{1,64}%[!-~]+"#, "https://www.samba.org/samba/docs/current/man-html/smbclient.1.html"),
    ("Net-SNMP, its programs", r#"snmp(?:bulk)?(?:walk|get|getnext|set|trap|inform|table|status|df|usm)<same>{1,16}(?:<skipped>-[AXc]<same>{0,16}[!-~]+){1,3}"#, "https://www.net-snmp.org/docs/man/snmpcmd.html"),
    ("OpenSSL, its program", r#"openssl<same>{1,16}[a-z0-9_-]{1,32}<line>-[kK]<same>{1,16}[!-~]+"#, "https://docs.openssl.org/3.0/man1/openssl-enc/"),
    ("OpenSSH, its program", r#"ssh-keygen<arguments>-[NP]<blank>{1,16}[!-~]+"#, "https://man.openbsd.org/ssh-keygen"),
    ("Apache, its programs", r#"htpasswd["',]{0,2}\s+["']?-[a-zA-Z]*b[a-zA-Z]*["',]{0,2}\s+[!-~]+\s+[!-~]+\s+[!-~]+"#, "https://httpd.apache.org/docs/2.4/programs/htpasswd.html"),
    ("Redis", r"(?i:config\s+set\s+(?:requirepass|masterauth)\s+)[!-~]+", "https://redis.io/docs/latest/operate/oss_and_stack/management/security/"),
    ("SQLCipher", r"(?i:pragma\s+(?:hex)?(?:re)?key\s*=\s*)[!-~]+", "https://www.zetetic.net/sqlcipher/sqlcipher-api/"),
    ("netrc", r"(?:machine\s+[!-~]{1,255}|default)\s+login\s+[!-~]{1,64}\s+password\s+[!-~]+", "https://everything.curl.dev/usingcurl/netrc.html"),
    ("Dockerfiles and shells of Windows", r#"(?:ENV|setx)\s+[A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY)[A-Z0-9_]*\s+[!-~]+"#, "https://docs.docker.com/reference/dockerfile/#env"),
    ("Amazon, its program", r"aws\s+configure\s+set\s+[\w.-]*(?:secret|token)\w*\s+[!-~]+", "https://docs.aws.amazon.com/cli/latest/reference/configure/set.html"),
    ("RabbitMQ, its program", r"rabbitmqctl\s+(?:add_user|change_password|authenticate_user)\s+[!-~]+\s+[!-~]+", "https://www.rabbitmq.com/docs/man/rabbitmqctl.8"),
];

/// What the names in rows stand for. Arguments are also those of a list, as code prints and escapes it.
const BLANKS: [(&str, &str); 5] = [
    ("<line>", "<same>{1,16}<skipped>"),
    (
        "<arguments>",
        r#"(?:\.exe)?<blank>{1,16}(?:[ -~]{0,200}?[\s"',])?"#,
    ),
    ("<skipped>", r#"(?:[ -%'-:<-{}~]{0,200}?[ \t"',])?"#),
    ("<blank>", r#"(?:\\*["',](?:\\+[nrt])?\s*|\s+)"#),
    ("<same>", r#"(?:\\*["',](?:\\+[nrt])?\s*|[ \t]+)"#),
];

/// A call, and what is before it.
pub(super) struct Calls(Regex);

// === impl Calls ===

impl Calls {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        let rows = BLANKS.iter().fold(any_of(CALLS), |rows, (name, pattern)| {
            rows.replace(name, pattern)
        });
        Self(regex(&format!(r"(?:^|[^A-Za-z0-9.])(?-u:{rows})")))
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.0, text, |found| call(text, found))
    }
}

/// The call up to the end of its secret. A secret with blanks ends at the mark that closes it: `-a "correct horse"`.
fn call(text: &str, found: Match<'_>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let call = found.as_str();
    let begin = found.start() + call.find(|one: char| one.is_ascii_alphanumeric())?;
    let end = found.end();
    if is_other(call) {
        return None;
    }
    let word = call.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
    let Some(mark) = call[word..].rfind(['"', '\'']) else {
        return Some(begin..end);
    };
    let option = call[word..word + mark].trim_end_matches('\\');
    let opens = option.is_empty()
        || option.ends_with(['=', ','])
        || option.len() == "-p".len() && option.starts_with('-');
    let mark = found.start() + word + mark;
    let Some(quote) = Quote::before(bytes, mark + 1).filter(|_| opens) else {
        return Some(begin..end);
    };
    let near = &bytes[..bytes.len().min(end + LONGEST)];
    let (_, close) = quote.close(near, end);
    let closed = near[..close].ends_with(b"\"") || near[..close].ends_with(b"'");
    Some(begin..if closed { close } else { end })
}

/// Whether the program is an argument of another one, and the option is that one's: `find /var/lib/mysql -print0`,
/// `docker run --name mongo -p 27017:27017`.
fn is_other(call: &str) -> bool {
    const OF_FIND: &[&str] = &["-path", "-perm", "-print", "-print0", "-printf", "-prune"];
    let call = call.trim_end_matches(['"', '\'', ',', ']', '\\']);
    let word = call
        .rsplit([' ', '\t', '\n', '"', '\'', ','])
        .next()
        .unwrap_or_default();
    let of_mapping = |one: u8| one.is_ascii_digit() || b".:".contains(&one);
    let is_mapping = word.contains(':') && word.trim_end_matches("/tcp").bytes().all(of_mapping);
    is_mapping || OF_FIND.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_a_source_and_names_that_stand_for_something() {
        for (program, pattern, source) in CALLS {
            assert!(source.starts_with("https://"), "{program}");
            let names = pattern
                .split('<')
                .skip(1)
                .filter_map(|rest| rest.split_once('>'));
            for (name, _) in
                names.filter(|(name, _)| name.bytes().all(|one| one.is_ascii_lowercase()))
            {
                let name = format!("<{name}>");
                assert!(
                    BLANKS.iter().any(|(known, _)| *known == name),
                    "{program}: {name}"
                );
            }
        }
    }
}
