//! The beginnings by which vendors make their keys and tokens recognisable.

/// Patterns of keys and tokens, in the forms that their vendors have made public. The list is not complete. A key counts at the
/// beginning of a text and after any character but a letter or digit.
pub(super) const KEYS: &[&str] = &[
    // JSON web tokens, and what has their form.
    r"eyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)*",
    // Amazon: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    r"(?:AKIA|ASIA|AIDA|AROA|AGPA|ANPA|ANVA|ABIA|ACCA|AIPA)[A-Z0-9]{16}\b",
    // GitHub.
    r"gh[pousr]_[\w-]{10,}|github_pat_[\w-]{10,}",
    // GitLab: https://docs.gitlab.com/security/tokens/#token-prefixes
    r"gl(?:pat|rt|rtr|dt|ptt|ft|soat|cbt|imt|agent|oas|ffct|wt)-[\w-]{10,}(?:\.[\w-]+)*",
    // Slack: https://docs.slack.dev/authentication/tokens/
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{10,}|(?:xapp|xwfp)-[\w-]{10,}",
    // Stripe.
    r"[sr]k_(?:live|test)_[\w-]{10,}|whsec_[\w+/=-]{10,}",
    // Google.
    r"AIza[\w-]{20,}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}|1//0[\w-]{30,}",
    // OpenAI, Anthropic, Hugging Face, Replicate, Groq, xAI, Perplexity.
    r"sk-(?:proj|svcacct|admin|ant)-[\w-]{10,}|r8_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}|xai-[A-Za-z0-9]{30,}|pplx-[A-Za-z0-9]{30,}",
    // SendGrid, Brevo, Mailgun, Mailchimp, Resend.
    r"SG\.[\w-]{8,}\.[\w-]{8,}|xkeysib-[\w-]{20,}|key-[0-9a-f]{32}\b|[0-9a-f]{32}-us\d{1,2}\b",
    // Twilio.
    r"SK[0-9a-f]{32}\b",
    // DigitalOcean, Heroku, Netlify, Render, Supabase, PlanetScale, Neon.
    r"do[opr]_v1_[0-9a-f]{10,}|HRKU-[\w-]{20,}|nfp_[A-Za-z0-9]{20,}|rnd_[A-Za-z0-9]{20,}|sbp_[0-9a-f]{20,}|sb_secret_[\w-]{10,}|pscale_(?:tkn|pw|oauth)_[\w.-]{10,}|napi_[a-z0-9]{40,}",
    // Shopify.
    r"shp(?:at|ca|pa|ss|tka)_[A-Za-z0-9]{10,}",
    // Registries of packages: PyPI, RubyGems, Clojars, NuGet, Docker, crates.io, JFrog.
    r"pypi-[\w-]{16,}|rubygems_[0-9a-f]{20,}|CLOJARS_[a-z0-9]{20,}|oy2[a-z0-9]{43}\b|dckr_(?:pat|oat)_[\w-]{10,}|cio[A-Za-z0-9]{32}\b|AKCp[A-Za-z0-9]{20,}",
    // Doppler, Linear, Notion, Figma, Postman, Databricks, Airtable, Typeform.
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{10,}|lin_(?:api|oauth)_[A-Za-z0-9]{10,}|ntn_[A-Za-z0-9]{20,}|figd_[\w-]{20,}|PMAK-[\w-]{20,}|dapi[0-9a-f]{32}(?:-\d)?\b|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|tfp_[\w-]{20,}",
    // Atlassian.
    r"AT(?:ATT|CTT|BB)[\w=-]{20,}",
    // Sentry, Grafana, New Relic, Dynatrace, Honeycomb.
    r"sntry[su]_[\w+/=-]{10,}|gl(?:sa|c)_[\w+/=-]{20,}|NRAK-[A-Z0-9]{20,}|NRII-[\w-]{20,}|dt0[a-z]\d{2}\.[A-Z0-9]{10,}\.[A-Z0-9]{10,}|hc[abx]i[ck]_[a-z0-9]{20,}",
    // HashiCorp Vault and Terraform Cloud, Pulumi, 1Password, Tailscale.
    r"hv[sbr]\.[\w-]{10,}|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,}|pul-[0-9a-f]{40}\b|ops_eyJ[\w-]{10,}|tskey-[\w-]{10,}",
    // age.
    r"AGE-SECRET-KEY-1[A-Z0-9]{10,}|AGE-SECRET-KEY-PQ-1[A-Z0-9]{10,}",
    // Telegram, Discord.
    r"bot\d{6,}:[\w-]{8,}|\d{8,10}:AA[\w-]{33}|api/webhooks/\d+/[\w-]+|[MNO][A-Za-z0-9]{23,25}\.[\w-]{6}\.[\w-]{27,}",
    // Square, Facebook, Alibaba, HubSpot, CircleCI, Buildkite, Contentful, EasyPost, Duffel.
    r"sq0[a-z]{3}-[\w-]{20,}|EAA[A-Z0-9][A-Za-z0-9]{40,}|LTAI[A-Za-z0-9]{12,}|pat-(?:na|eu)\d-[0-9a-f-]{30,}|CCI(?:PAT|PRJ)_[\w-]{20,}|bk[ua]a?_[0-9a-f]{20,}|CFPAT-[\w-]{20,}|EZ[AT]K[A-Za-z0-9]{50,}|duffel_(?:live|test)_[\w-]{20,}",
];

/// Beginnings that ordinary names have as well, such as `npm_config_registry`. A digit or a capital must follow.
pub(super) const COMMON: &str = r"npm_[\w-]{10,}|hf_[A-Za-z0-9]{10,}|sk-[\w-]{10,}";
