//! Signs what is sent to a webhook, so that its receiver knows who sent it, and when.

use std::fmt::{self, Write};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::secret::Secret;
use crate::{config::ConfigError, statistics::WallTime};

/// The name of the header.
pub(super) const HEADER: &str = "x-vitals-signature";

/// Signs with one secret. It does not print the secret.
#[derive(Clone)]
pub(super) struct Signer(Hmac<Sha256>);

// === impl Signer ===

impl Signer {
    /// # Errors
    ///
    /// If the secret is empty.
    pub(super) fn new(secret: &Secret) -> Result<Self, ConfigError> {
        let refused = |reason| ConfigError::new("webhook.secret", "…", reason);
        let secret = secret.reveal().as_bytes();
        if secret.is_empty() {
            return Err(refused("expected a secret that is not empty"));
        }
        let hmac = Hmac::new_from_slice(secret);
        hmac.map(Self)
            .map_err(|_| refused("expected a secret of another length"))
    }

    /// The value of the header: `t=1800000000,v1=` and the HMAC-SHA256 of the seconds since 1970, a dot and the body, in
    /// hexadecimal digits.
    ///
    /// `at` is the time of the attempt. A receiver that refuses what is older than five minutes cannot be sent the same again.
    pub(super) fn header(&self, at: WallTime, body: &[u8]) -> String {
        let seconds = at.since_1970().as_secs();
        let mut hmac = self.0.clone();
        hmac.update(seconds.to_string().as_bytes());
        hmac.update(b".");
        hmac.update(body);
        let mut header = format!("t={seconds},v1=");
        for byte in hmac.finalize().into_bytes() {
            // A string takes everything.
            let _ = write!(header, "{byte:02x}");
        }
        header
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a receiver does: it knows the secret and the time.
    fn is_genuine(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
        let parts = header
            .strip_prefix("t=")
            .and_then(|rest| rest.split_once(",v1="));
        let Some((time, digits)) = parts else {
            return false;
        };
        let is_recent = time
            .parse()
            .is_ok_and(|time: u64| now.abs_diff(time) <= 300);
        let bytes = (0..digits.len()).step_by(2);
        let bytes = bytes.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok());
        let Some(bytes) = bytes.collect::<Option<Vec<_>>>() else {
            return false;
        };
        let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        hmac.update(format!("{time}.").as_bytes());
        hmac.update(body);
        is_recent && hmac.verify_slice(&bytes).is_ok()
    }

    fn signer(secret: &str) -> Signer {
        Signer::new(&Secret::new(secret)).unwrap()
    }

    const AT: WallTime = WallTime::new(Duration::from_millis(1_800_000_000_123));

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf '1800000000.{"version":"4"}' | openssl dgst -sha256 -hmac secret
        let digits = "e6ed5c615c0e1d8519c22c081ae5b52373dd1d8316ab5248ab1b3745635ae236";
        let header = signer("secret").header(AT, br#"{"version":"4"}"#);
        assert_eq!(header, format!("t=1800000000,v1={digits}"));
    }

    #[test]
    fn a_receiver_knows_what_is_genuine() {
        let header = signer("secret").header(AT, b"body");
        assert!(is_genuine("secret", &header, b"body", 1_800_000_300));
        assert!(!is_genuine("other", &header, b"body", 1_800_000_000));
        assert!(!is_genuine("secret", &header, b"Body", 1_800_000_000));
        // The same message, six minutes later, also with another time.
        assert!(!is_genuine("secret", &header, b"body", 1_800_000_360));
        let later = header.replace("t=1800000000", "t=1800000360");
        assert!(!is_genuine("secret", &later, b"body", 1_800_000_360));
    }

    #[test]
    fn a_secret_is_needed_and_does_not_print() {
        let error = Signer::new(&Secret::new("")).unwrap_err();
        assert!(error.to_string().contains("webhook.secret"));
        assert_eq!(format!("{:?}", signer("hunter2")), "Signer { .. }");
    }
}
