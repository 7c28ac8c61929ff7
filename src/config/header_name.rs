//! Reads the name of a header that a setting chooses.

use http::{HeaderName, header};

use super::ConfigError;

/// The headers that HTTP itself needs.
const RESERVED: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::DATE,
];

/// The header of the setting `field`.
pub(crate) fn header_name(field: &str, name: &str) -> Result<HeaderName, ConfigError> {
    let refuse = |reason| ConfigError::new(field, name, reason);
    let header = name.parse().map_err(|_| refuse("not a header name"))?;
    if RESERVED.contains(&header) {
        return Err(refuse("HTTP needs this header for itself"));
    }
    Ok(header)
}
