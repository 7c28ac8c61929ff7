//! Tells names of code and templates of routes from sentences and data.

/// Words that stand between spaces in the name of a type or a function.
const KEYWORDS: &[&str] = &["as", "dyn", "impl", "mut", "const", "for", "fn", "->", "+"];

/// Whether the text is the name of a type or a function. It has spaces only between brackets, and there only beside a keyword or
/// after a comma or a semicolon.
pub(super) fn is_code(text: &str) -> bool {
    let may = |one: char| {
        one.is_ascii_alphanumeric() || one == ' ' || "_:<>,;&*'()[]{}#$+=.@!-".contains(one)
    };
    let first = text.trim_start_matches(['<', '[', '(', '&', '*', '{']);
    let named = first.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_');
    let hyphens = text.replace("->", "").contains('-');
    named && !hyphens && text.chars().all(may) && spaces_are_code(text)
}

fn spaces_are_code(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let opened = word.matches(['<', '[', '(', '{']).count();
        let closed = word.replace("->", "").matches(['>', ']', ')', '}']).count();
        depth = (depth + opened).saturating_sub(closed);
        let Some(next) = words.peek() else { break };
        let keyword = |word: &str| {
            let last = word.rsplit(['<', '(', '[', '&', '*']).next();
            last.is_some_and(|last| KEYWORDS.contains(&last))
        };
        let joined = word.ends_with([',', ';']) || keyword(word) || keyword(next);
        if depth == 0 || !joined {
            return false;
        }
    }
    true
}

/// Whether the text is the template of a route, and has no part that looks like data.
pub(super) fn is_template(text: &str) -> bool {
    let Some(path) = text.strip_prefix('/') else {
        return false;
    };
    is_grpc_method(path) || path.split('/').all(is_part)
}

/// Whether it is the path of a gRPC method, `package.Service/Method`. The names of persons are not so written.
fn is_grpc_method(path: &str) -> bool {
    let Some((service, method)) = path.split_once('/') else {
        return false;
    };
    let (packages, service) = service.rsplit_once('.').unwrap_or(("", service));
    let capital = |name: &str| name.starts_with(|one: char| one.is_ascii_uppercase());
    let package = |name: &str| is_part(name) && !name.bytes().any(|one| one.is_ascii_uppercase());
    let is_named = [service, method]
        .iter()
        .all(|name| capital(name) && is_part(name));
    is_named && !packages.is_empty() && packages.split('.').all(package)
}

/// Whether it is a parameter or a word. A number, an id, a word in capitals and a word with a dot look like data.
fn is_part(part: &str) -> bool {
    let word = |one: char| one.is_ascii_alphanumeric() || "_-~$+".contains(one);
    if part.contains(['{', ':', '*']) {
        return part.chars().all(|one| word(one) || "{}*:.()".contains(one));
    }
    let endings = [".json", ".xml", ".html", ".txt", ".ico", ".js", ".css"];
    let ending = endings.iter().find_map(|ending| part.strip_suffix(ending));
    let plain = ending.unwrap_or(part);
    let plain = plain.strip_prefix('.').unwrap_or(plain);
    let digits = plain.bytes().filter(u8::is_ascii_digit).count();
    let begins_with_digit = plain.starts_with(|one: char| one.is_ascii_digit());
    let capitals = plain.as_bytes().windows(2);
    let capitals = capitals
        .filter(|two| two.iter().all(u8::is_ascii_uppercase))
        .count();
    plain.chars().all(word) && digits <= 2 && !begins_with_digit && capitals == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_of_grpc_is_a_template_and_a_name_with_a_dot_is_none() {
        for (text, is) in [
            ("/shop.v1.Orders/Get", true),
            ("/grpc.health.v1.Health/Check", true),
            ("/Orders/Get", true),
            ("/jane.doe/Get", false),
            ("/jane.Doe/letters", false),
            ("/shop.v1.Orders/Get/17", false),
            ("/shop.12345.Orders/Get", false),
        ] {
            assert_eq!(is_template(text), is, "{text}");
        }
    }
}
