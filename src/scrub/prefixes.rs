//! The beginnings by which vendors make their keys and tokens recognisable.

/// A vendor, a pattern of its keys, and where their form is published: by the vendor, else by a tool that looks for them.
pub(super) type Key = (&'static str, &'static str, &'static str);

const GITLEAKS: &str = "https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml";

const TRUFFLEHOG: &str = "https://github.com/trufflesecurity/trufflehog/tree/main/pkg/detectors";

const KEYHOG: &str = "https://docs.rs/crate/keyhog-core/0.5.86/source/detectors/";

/// The list is not complete; a row is one line. `<break>` is the end of a line within a key. A row reads only what can be a part of
/// its key: if one read on to the end of the line, the others would make it do so again after each match. A key counts at the
/// beginning of a text and after any character but a letter or digit.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    ("JSON web tokens, and what has their form", r"(?P<jwt>eyJ[\w-]{4,}(?:(?:<break>)?\.(?:<break>)?[\w-]+(?:(?:<break>)?\.(?:<break>)?[\w-]+|\.)*)?)", "https://www.rfc-editor.org/rfc/rfc7519"),
    ("private keys without their first line", r"(?:MII[\w+/]{2}[\w+/]IBA(?:DAN|AKC)|MII[\w+/]{3}gIBA|MHcCAQEE|MI[GH][\w+/]AgEA|MC4CAQAw)[\w+/]{20,}=*(?:<break>[\w+/]{20,}=*)*", "https://www.rfc-editor.org/rfc/rfc5208"),
    ("private keys in base64, as Kubernetes keeps them", r"LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJ|BFQyBQUklW|BPUEVOU1NIIFBSS|BFTkNSWVBURUQgUFJJ)[\w+/]{20,}=*", "https://www.rfc-editor.org/rfc/rfc7468"),
    ("private keys of OpenSSH without their first line", r"b3BlbnNzaC1rZXktdjE[\w+/]{20,}=*(?:<break>[\w+/]{20,}=*)*", "https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key"),
    ("Amazon", r"(?:AKIA|ASIA|AIDA|AROA|AGPA|ANPA|ANVA|ABIA|ACCA|AIPA)[A-Z0-9]{16}\b", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"),
    ("GitHub", r"gh[pousr]_[\w-]{10,}|github_pat_[\w-]{10,}", "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/"),
    ("GitLab", r"gl(?:pat|rt|rtr|dt|ptt|ft|soat|cbt|imt|agent|oas|ffct|wt)-[\w-]{10,}(?:\.[\w-]+)*|GR1348941[\w-]{20}", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    ("Slack", r"xox[a-z](?:\.xox[a-z])?-[\w-]{10,}|(?:xapp|xwfp)-[\w-]{10,}", "https://docs.slack.dev/authentication/tokens/"),
    ("Stripe", r"[sr]k_(?:live|test|prod)_[\w-]{10,}", "https://docs.stripe.com/keys"),
    ("Stripe, for webhooks", r"whsec_[\w+/=-]{10,}", "https://docs.stripe.com/webhooks"),
    ("Google, keys", r"AIza[\w-]{20,}", GITLEAKS),
    ("Google, clients", r"GOCSPX-[\w-]{20,}", KEYHOG),
    ("Google, tokens", r"ya29\.[\w-]{20,}|1//0[\w-]{30,}", "https://developers.google.com/identity/protocols/oauth2/web-server"),
    ("OpenAI", r"sk-(?:proj|svcacct|admin)-[\w-]{10,}", GITLEAKS),
    ("Anthropic", r"sk-ant-[\w-]{10,}", GITLEAKS),
    ("Replicate", r"r8_[A-Za-z0-9]{30,}", TRUFFLEHOG),
    ("Groq", r"gsk_[A-Za-z0-9]{30,}", TRUFFLEHOG),
    ("xAI", r"xai-[A-Za-z0-9]{30,}", TRUFFLEHOG),
    ("Perplexity", r"pplx-[A-Za-z0-9]{30,}", GITLEAKS),
    ("SendGrid", r"SG\.[\w-]{8,}\.[\w-]{8,}", GITLEAKS),
    ("Brevo", r"xkeysib-[\w-]{20,}", GITLEAKS),
    ("Mailgun", r"key-[0-9a-f]{32}\b|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b", GITLEAKS),
    ("Mailchimp", r"[0-9a-f]{32}-us\d{1,2}\b", GITLEAKS),
    ("Twilio", r"SK[0-9a-f]{32}\b", GITLEAKS),
    ("DigitalOcean", r"do[opr]_v1_[0-9a-f]{10,}", GITLEAKS),
    ("Heroku", r"HRKU-[\w-]{20,}", GITLEAKS),
    ("Netlify", r"nfp_[A-Za-z0-9]{20,}", TRUFFLEHOG),
    ("Render", r"rnd_[A-Za-z0-9]{20,}", KEYHOG),
    ("Supabase", r"sbp_[0-9a-f]{20,}|sb_secret_[\w-]{10,}", "https://supabase.com/docs/guides/api/api-keys"),
    ("PlanetScale", r"pscale_(?:tkn|pw|oauth)_[\w.-]{10,}", GITLEAKS),
    ("Neon", r"napi_[a-z0-9]{40,}", "https://neon.com/docs/manage/api-keys"),
    ("Shopify", r"shp(?:at|ca|pa|ss)_[A-Za-z0-9]{10,}", GITLEAKS),
    ("Shopify, for themes", r"shptka_[A-Za-z0-9]{10,}", "https://github.com/Shopify/cli"),
    ("PyPI", r"pypi-[\w-]{16,}", GITLEAKS),
    ("RubyGems", r"rubygems_[0-9a-f]{20,}", GITLEAKS),
    ("Clojars", r"CLOJARS_[a-z0-9]{20,}", GITLEAKS),
    ("NuGet", r"oy2[a-z0-9]{43}\b", "https://github.com/NuGet/NuGetGallery"),
    ("Docker", r"dckr_(?:pat|oat)_[\w-]{10,}", TRUFFLEHOG),
    ("crates.io", r"cio[A-Za-z0-9]{32}\b", "https://github.com/rust-lang/crates.io"),
    ("JFrog", r"AKCp[A-Za-z0-9]{20,}|cmVmd[A-Za-z0-9]{59}\b", GITLEAKS),
    ("Doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{10,}", "https://docs.doppler.com/reference/auth-token-formats"),
    ("Linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{10,}", GITLEAKS),
    ("Notion", r"ntn_[A-Za-z0-9]{20,}", GITLEAKS),
    ("Figma", r"figd_[\w-]{20,}", KEYHOG),
    ("Postman", r"PMAK-[\w-]{20,}", GITLEAKS),
    ("Databricks", r"dapi[0-9a-f]{32}(?:-\d)?\b", GITLEAKS),
    ("Airtable", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", GITLEAKS),
    ("Typeform", r"tfp_[\w-]{20,}", GITLEAKS),
    ("Atlassian", r"AT(?:ATT|CTT|BB)[\w=-]{20,}", TRUFFLEHOG),
    ("Sentry", r"sntry[su]_[\w+/=-]{10,}", GITLEAKS),
    ("Grafana", r"gl(?:sa|c)_[\w+/=-]{20,}", GITLEAKS),
    ("New Relic", r"NRAK-[A-Z0-9]{20,}|NRII-[\w-]{20,}", GITLEAKS),
    ("Dynatrace", r"dt0[a-z]\d{2}\.[A-Z0-9]{10,}\.[A-Z0-9]{10,}", GITLEAKS),
    ("Honeycomb", r"hc[abx]i[ck]_[a-z0-9]{20,}", "https://docs.honeycomb.io/configure/environments/manage-api-keys/"),
    ("Vault of HashiCorp", r"hv[sbr]\.[\w-]{10,}", "https://developer.hashicorp.com/vault/docs/concepts/tokens"),
    ("Terraform Cloud", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,}", GITLEAKS),
    ("Pulumi", r"pul-[0-9a-f]{40}\b", GITLEAKS),
    ("1Password", r"ops_eyJ[\w-]{10,}|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b", GITLEAKS),
    ("Tailscale", r"tskey-[\w-]{10,}", TRUFFLEHOG),
    ("age", r"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{10,}", "https://github.com/FiloSottile/age"),
    ("Telegram", r"bot\d{6,}:[\w-]{8,}|\d{8,10}:AA[\w-]{33}", "https://core.telegram.org/bots/api#authorizing-your-bot"),
    ("Discord", r"api/webhooks/\d+/[\w-]+|[MNO][A-Za-z0-9]{23,25}\.[\w-]{6}\.[\w-]{27,}", "https://docs.discord.com/developers/reference#authentication"),
    ("Square", r"sq0[a-z]{3}-[\w-]{20,}", GITLEAKS),
    ("Facebook, Square", r"EAA[A-Z0-9][A-Za-z0-9]{40,}", GITLEAKS),
    ("Alibaba", r"LTAI[A-Za-z0-9]{12,}", GITLEAKS),
    ("HubSpot", r"pat-(?:na|eu)\d-[0-9a-f-]{30,}", TRUFFLEHOG),
    ("CircleCI", r"CCI(?:PAT|PRJ)_[\w-]{20,}", TRUFFLEHOG),
    ("Buildkite", r"bk[ua]a?_[0-9a-f]{20,}", TRUFFLEHOG),
    ("Contentful", r"CFPAT-[\w-]{20,}", TRUFFLEHOG),
    ("EasyPost", r"EZ[AT]K[A-Za-z0-9]{50,}", GITLEAKS),
    ("hashes of passwords", r"\$(?:2[abxy]|5|6|7|y|gy|argon2(?:id|i|d)|scrypt|pbkdf2[\w-]*)\$[\w./=,+$-]{20,}", "https://github.com/P-H-C/phc-string-format"),
    ("hashes of passwords in LDAP", r"\{(?:S?SHA\d*|S?MD5|CRYPT)\}[\w./+=$-]{10,}", "https://www.rfc-editor.org/rfc/rfc2307"),
    ("SMTP and IMAP", r"AUTH(?:ENTICATE)? (?:PLAIN|LOGIN|XOAUTH2) [\w+/=]{8,}", "https://www.rfc-editor.org/rfc/rfc4954"),
    ("Duffel", r"duffel_(?:live|test)_[\w-]{20,}", GITLEAKS),
    ("Amazon Bedrock", r"ABSK[\w+/]{60,}=*|bedrock-api-key-[\w+/]{20,}=*", GITLEAKS),
    ("Microsoft Entra", r"[\w.~]{3}\dQ~[\w.~-]{31,34}", GITLEAKS),
    ("Cloudflare, for origins", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}", GITLEAKS),
    ("ClickHouse Cloud", r"4b1d[A-Za-z0-9]{38}\b", GITLEAKS),
    ("Adobe", r"p8e-[A-Za-z0-9]{32}\b", GITLEAKS),
    ("Authress", r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,}", GITLEAKS),
    ("Defined Networking", r"dnkey-[\w=-]{26}-[\w=-]{52}", GITLEAKS),
    ("Dropbox", r"sl\.[\w=-]{100,}|[A-Za-z0-9]{11}AAAAAAAAAA[\w=-]{43}", GITLEAKS),
    ("Flutterwave", r"FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?", GITLEAKS),
    ("Fly.io", r"fo1_[\w-]{30,}|fm(?:1[ar]|2)_[\w+/]{60,}=*", GITLEAKS),
    ("Frame.io", r"fio-u-[\w=-]{40,}", GITLEAKS),
    ("Harness", r"[ps]at\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}\b", GITLEAKS),
    ("Hugging Face, for organisations", r"api_org_[A-Za-z]{30,}", GITLEAKS),
    ("Infracost", r"ico-[A-Za-z0-9]{32}\b", GITLEAKS),
    ("42", r"s-s4t2(?:ud|af)-[0-9a-f]{64}\b", GITLEAKS),
    ("JSON web tokens in base64", r"ZXlK(?:aGJHY2lPaU|MGVYQWlPaU|cmFXUWlPaU|aGRXUWlPaU)[\w+/]{20,}=*", GITLEAKS),
    ("Mapbox", r"[st]k\.eyJ[\w-]{20,}\.[\w-]{20,}", GITLEAKS),
    ("MaxMind", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b", GITLEAKS),
    ("Octopus Deploy", r"API-[A-Z0-9]{26}\b", GITLEAKS),
    ("OpenShift", r"sha256~[\w-]{43}", GITLEAKS),
    ("Prefect", r"pnu_[A-Za-z0-9]{36}\b", GITLEAKS),
    ("ReadMe", r"rdme_[a-z0-9]{60,}", GITLEAKS),
    ("Scalingo", r"tk-us-[\w-]{48}", GITLEAKS),
    ("SettleMint", r"sm_[aps]at_[A-Za-z0-9]{16}\b", GITLEAKS),
    ("Shippo", r"shippo_(?:live|test)_[0-9a-fA-F]{30,}", GITLEAKS),
    ("Sourcegraph", r"sgp_(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}\b", GITLEAKS),
    ("Yandex", r"t1\.[\w-]{10,200}={0,2}\.[\w-]{86}={0,2}|AQVN[\w-]{35,38}|YC[\w-]{38}\b", GITLEAKS),
    ("NATS", r"S[AUONCX][A-Z2-7]{56}\b", "https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth"),
    ("CAS", r"(?:ST|PT|PGT|TGT)-\d+-[\w.-]{16,}", "https://apereo.github.io/cas/7.0.x/protocol/CAS-Protocol-Specification.html"),
];

/// Beginnings that ordinary names have as well, such as `npm_config_registry`. A digit or a capital must follow.
#[rustfmt::skip]
pub(super) const COMMON: &[Key] = &[
    ("npm", r"npm_[\w-]{10,}", GITLEAKS),
    ("Hugging Face", r"hf_[A-Za-z0-9]{10,}", GITLEAKS),
    ("OpenAI, of former years", r"sk-[\w-]{10,}", GITLEAKS),
];

/// An end of a line, also as code escapes it, and the indentation of the next one.
const BREAK: &str = r"(?:\r?\n|\\+r\\+n|\\+n)[ \t]*";

/// One pattern for all of a table.
pub(super) fn any_of(table: &[Key]) -> String {
    let patterns: Vec<_> = table.iter().map(|(_, pattern, _)| *pattern).collect();
    patterns.join("|").replace("<break>", BREAK)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_form_of_a_key_has_a_vendor_and_a_source() {
        let mut vendors = BTreeSet::new();
        for (vendor, pattern, source) in KEYS.iter().chain(COMMON) {
            assert!(vendors.insert(vendor), "{vendor} stands twice");
            assert!(source.starts_with("https://"), "{vendor}");
            // As the patterns are used.
            regex::Regex::new(&format!("(?-u:{pattern})")).unwrap();
        }
    }

    /// The rows that no text of the tests shows elsewhere.
    #[test]
    fn keys_are_found_in_the_forms_that_gitleaks_lists() {
        let any = regex::Regex::new(&format!("^(?-u:{})$", any_of(KEYS))).unwrap();
        let of = |unit: &str, length: usize| unit.repeat(length)[..length].to_owned();
        let (mixed, hex) = (|n| of("aB3dE5fG7h", n), |n| of("0a1b2c3d", n));
        let capital = |n| of("AB2CD3EF4G", n);
        for key in [
            format!("GR1348941{}", mixed(20)),
            format!("sk_prod_{}", mixed(24)),
            format!("A3-{}-{}-ABCDE-ABCDE-ABCDE", capital(6), capital(11)),
            format!("{}-{}-{}", hex(32), hex(8), hex(8)),
            format!("cmVmd{}", mixed(59)),
            format!("ABSK{}=", mixed(110)),
            format!("bedrock-api-key-{}", mixed(40)),
            format!("abc8Q~{}", mixed(34)),
            format!("v1.0-{}-{}", hex(24), hex(146)),
            format!("4b1d{}", mixed(38)),
            format!("p8e-{}", hex(32)),
            format!("authress_abcdef.abcd.acc_{}.{}", hex(12), mixed(40)),
            format!("dnkey-{}-{}", mixed(26), mixed(52)),
            format!("sl.{}", mixed(135)),
            format!("{}AAAAAAAAAA{}", mixed(11), mixed(43)),
            format!("FLWSECK_TEST-{}-X", hex(32)),
            format!("fo1_{}", mixed(43)),
            format!("fm2_{}=", mixed(120)),
            format!("fio-u-{}", mixed(64)),
            format!("pat.{}.{}.{}", mixed(22), mixed(24), mixed(20)),
            format!("api_org_{}", of("abcDEF", 34)),
            format!("ico-{}", mixed(32)),
            format!("s-s4t2ud-{}", hex(64)),
            format!("ZXlKaGJHY2lPaU{}", mixed(60)),
            format!("sk.eyJ{}.{}", mixed(60), mixed(22)),
            format!("abc123_{}_mmk", mixed(29)),
            format!("API-{}", capital(26)),
            format!("sha256~{}", mixed(43)),
            format!("pnu_{}", mixed(36)),
            format!("rdme_{}", of("a1b2", 70)),
            format!("tk-us-{}", mixed(48)),
            format!("sm_aat_{}", mixed(16)),
            format!("shippo_live_{}", hex(40)),
            format!("sgp_local_{}", hex(40)),
            format!("sgp_{}", hex(40)),
            format!("t1.{}.{}", mixed(12), mixed(86)),
            format!("AQVN{}", mixed(38)),
            format!("YC{}", mixed(38)),
            format!("SU{}", of("ABCD2345", 56)),
        ] {
            assert!(any.is_match(&key), "{key}");
        }
    }
}
