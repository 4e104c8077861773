//! Credentials beside a name that says so: in addresses, headers, settings and the arguments of programs.

use crate::base::secret::{SHOWN, Secret, Weakness, is_secret_name, is_secret_parameter, weakness};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// What ends a part of an address.
const PART_ENDS: [char; 4] = ['?', '&', '#', ';'];

/// Length from which a part that mixes digits with letters of both cases is taken for a key, in bytes.
const RANDOM_MIN: usize = 12;

/// Takes passwords and parts that look like secrets out of the addresses in a text.
#[must_use]
pub fn without_credentials(text: &str) -> String {
    split_credentials(text).0
}

/// Returns the passwords and the parts that look like secrets in the addresses in a text, as they are written
/// and as servers read them.
pub fn credentials(text: &str) -> Vec<String> {
    let written = split_credentials(text).1;
    let read = written.iter().map(|text| decoded(text)).filter(|text| !written.contains(text));

    let read: Vec<String> = read.collect();
    [written, read].concat()
}

/// Makes everything in a text known that an address in it gives away.
pub fn learn_credentials(text: &str) {
    for credential in credentials(text) {
        drop(Secret::new(credential));
    }
}

/// Makes everything known that the address of a proxy gives away, as it is written, read and sent.
pub fn learn_proxy(address: &str) {
    for credential in proxy_credentials(address) {
        drop(Secret::new(credential));
    }
}

fn proxy_credentials(address: &str) -> Vec<String> {
    let address = address.trim();
    // Without a scheme it is reached over HTTP.
    let address =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let behind = address.split_once("://").map_or("", |(_, behind)| behind);
    let server = behind.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = server.rsplit_once('@') else { return Vec::new() };

    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let [name, password] =
        [name, password].map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
    let sent = format!("{name}:{password}");
    let own = if password.is_empty() { name } else { password };
    [credentials(&address), vec![own, STANDARD.encode(&sent), sent]].concat()
}

/// Makes the value of a variable known as a secret if its name says that it is one, and what an address in it
/// gives away. Tells why a secret is too weak for that.
pub fn learn_variable(name: &str, value: &str) -> Option<Weakness> {
    learn_credentials(value);
    if !is_secret_name(name) {
        return None;
    }

    drop(Secret::new(value.trim()));
    weakness(value.trim())
}

/// Returns the secrets in headers whose names say that they hold some.
pub fn of_headers(headers: &[(String, String)]) -> Vec<String> {
    let secret = headers.iter().filter(|(name, _)| is_secret_parameter(name));
    secret.flat_map(|(_, value)| of_header(value)).collect()
}

/// Returns what may be the secret in the value of a header: behind the name of a scheme, or of a cookie.
fn of_header(value: &str) -> Vec<String> {
    let value = value.trim();
    let mut found = vec![value.to_owned()];

    if let Some((_, behind)) = value.split_once(' ') {
        found.push(behind.trim().to_owned());
        // What `Basic` encodes is a name and a password.
        let plain = STANDARD.decode(behind.trim()).ok().and_then(|it| String::from_utf8(it).ok());
        found.extend(plain.and_then(|it| it.split_once(':').map(|(_, it)| it.to_owned())));
    }

    let fields = value.split([';', ',']).filter_map(|field| field.split_once('='));
    found.extend(fields.map(|(_, value)| value.trim().trim_matches('"').to_owned()));
    found
}

/// Returns the value of a setting as anybody may see it: without a key that stands there itself, also in fields
/// that go to the server as they are, and without what an address or an argument gives away.
#[must_use]
pub fn public(key: &str, value: &Value) -> Value {
    let own = key.rsplit('.').next().unwrap_or(key);

    match value {
        Value::String(text) if is_secret_parameter(own) && !is_place(text) => SHOWN.into(),
        Value::String(text) => without_credentials(text).into(),
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            match texts {
                Some(texts) if own == "command" => Value::from(public_command(texts)),
                _ => items.iter().map(|item| public(own, item)).collect(),
            }
        }
        Value::Object(fields) => {
            let public = |(key, value): (&String, &Value)| (key.clone(), public(key, value));
            Value::Object(fields.iter().map(public).collect())
        }
        other => other.clone(),
    }
}

/// Tells whether a text says where a key is, and is none itself.
fn is_place(text: &str) -> bool {
    text.starts_with("env:") || text.starts_with("file:")
}

/// Returns a value that a setting cannot have, as a message may show it: nothing of what a secret should be.
#[must_use]
pub fn refused(key: &str, value: &Value) -> String {
    let own = key.rsplit('.').next().unwrap_or(key);
    if is_secret_parameter(own) {
        return "..".to_owned();
    }

    match value {
        Value::String(text) if own == "command" => {
            let words = text.split(' ').map(str::to_owned).collect();
            Value::from(public_command(words).join(" ")).to_string()
        }
        value => public(key, value).to_string(),
    }
}

/// Returns a program and its arguments as anybody may see them: `--token=x`, `--token x`, `TOKEN=x`, `Token: x` and
/// `--header=Token: x` lose their value, unless it is a path.
pub fn public_command(arguments: Vec<String>) -> Vec<String> {
    let mut is_due = false;

    let shown = arguments.into_iter().map(|text| {
        let was_due = std::mem::take(&mut is_due);
        let is_option = text.starts_with('-') && !is_random(&text);
        if was_due && !is_option && !is_path(&text) {
            return SHOWN.to_owned();
        }

        if let Some(start) = named_secret(&text) {
            return format!("{}{SHOWN}", &text[..start]);
        }

        is_due = text.starts_with('-') && is_secret_parameter(&text);
        without_credentials(&text)
    });
    shown.collect()
}

/// Finds where the value begins of the first name in an argument that says it is a secret.
fn named_secret(text: &str) -> Option<usize> {
    // In an address, colons and equal signs have another meaning.
    let end = text.find("://").unwrap_or(text.len());
    let mut begin = 0;

    for (at, _) in text[..end].match_indices(['=', ':']) {
        let name = &text[begin..at];
        begin = at + 1;

        let value = text[begin..].trim_start();
        // `-HToken: x` and `-eTOKEN=x` have the letter of the option before the name.
        let behind_letter = name.strip_prefix('-').and_then(|name| name.get(1..));
        let is_secret = is_secret_parameter(name) || behind_letter.is_some_and(is_secret_parameter);
        if is_secret && !value.is_empty() && !is_path(value) {
            return Some(text.len() - value.len());
        }
    }

    None
}

fn is_path(text: &str) -> bool {
    is_place(text) || text.starts_with(['/', '.', '~']) && !text.split('/').any(is_random)
}

/// Tells whether a part of a path or of an argument looks like a key. Names that people choose rarely mix digits
/// with letters of both cases.
fn is_random(part: &str) -> bool {
    let has = |is: fn(&char) -> bool| part.chars().any(|c| is(&c));
    part.len() >= RANDOM_MIN
        && !part.contains('.')
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
}

/// Returns a text without credentials, and these.
fn split_credentials(text: &str) -> (String, Vec<String>) {
    let mut credentials = Vec::new();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;

    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let (address, more) = after.split_at(after.find(is_end).unwrap_or(after.len()));
        let (server, path) =
            address.split_at(address.find(['/', '?', '#']).unwrap_or(address.len()));

        // The last `@` parts them, for a password may hold one as well.
        match server.rsplit_once('@') {
            Some((user, host)) => {
                let password = user.split_once(':').map_or(user, |(_, password)| password);
                credentials.push(password.to_owned());
                clean.push_str(&format!("***@{host}"));
            }
            None => clean.push_str(server),
        }

        for part in path.split_inclusive(PART_ENDS) {
            let end = part.trim_end_matches(PART_ENDS).len();
            match part[..end].split_once('=') {
                Some((name, value)) if is_secret_parameter(&decoded(name)) && !value.is_empty() => {
                    credentials.push(value.to_owned());
                    clean.push_str(&format!("{name}={SHOWN}{}", &part[end..]));
                }
                _ => clean.push_str(&without_named_steps(part, &mut credentials)),
            }
        }

        rest = more;
    }

    clean.push_str(rest);
    (clean, credentials)
}

/// Takes the key out of a path such as `/token/KEY/x`: behind a step that is called so, one that looks like a key.
fn without_named_steps(path: &str, credentials: &mut Vec<String>) -> String {
    let mut is_named = false;

    let steps = path.split('/').map(|step| {
        let key = step.trim_end_matches(PART_ENDS);
        let was_named = std::mem::replace(&mut is_named, is_secret_parameter(&decoded(step)));
        if was_named && is_random(key) {
            credentials.push(key.to_owned());
            return format!("{SHOWN}{}", &step[key.len()..]);
        }
        step.to_owned()
    });
    steps.collect::<Vec<_>>().join("/")
}

/// Returns a part of an address as servers read it.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn an_address_loses_what_it_gives_away_however_that_is_named() {
        let texts = [
            "http://h/?%74oken=C1234567",
            "http://h/?%61pi%5Fkey=C1234567&a=1",
            "http://h/v1;token=C1234567",
            "http://h/token=C1234567/x",
            "http://h/?jwt=C1234567#access_token=D1234567",
            "http://h/?accesstoken=C1234567&privatekey=D1234567",
            "postgres://u:C%40123456@h/db",
            "http://h/?page=1&max_tokens=3&code=US",
            "http://h/v1/token/Canary1234567/x?a=1 http://h/token/refresh http://h/key/Canary1234567?b",
        ];
        let shown: Vec<String> = texts
            .map(|text| format!("{} {:?}", without_credentials(text), credentials(text)))
            .into();
        expect![[r#"
            http://h/?%74oken=[secret] ["C1234567"]
            http://h/?%61pi%5Fkey=[secret]&a=1 ["C1234567"]
            http://h/v1;token=[secret] ["C1234567"]
            http://h/token=[secret] ["C1234567/x"]
            http://h/?jwt=[secret]#access_token=[secret] ["C1234567", "D1234567"]
            http://h/?accesstoken=[secret]&privatekey=[secret] ["C1234567", "D1234567"]
            postgres://***@h/db ["C%40123456", "C@123456"]
            http://h/?page=1&max_tokens=3&code=US []
            http://h/v1/token/[secret]/x?a=1 http://h/token/refresh http://h/key/[secret]?b ["Canary1234567", "Canary1234567"]"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn a_proxy_gives_away_its_password_in_every_form_in_which_it_is_sent() {
        let addresses = [
            "http://u:C1234567@h:3128",
            "u:C1234567@h:3128/",
            "https://C1234567@h",
            "socks5://u:C+%401234567@h",
            "http://h:3128/?u:x@y",
        ];
        let found: Vec<String> =
            addresses.map(|address| format!("{:?}", proxy_credentials(address))).into();
        expect![[r#"
            ["C1234567", "C1234567", "dTpDMTIzNDU2Nw==", "u:C1234567"]
            ["C1234567", "C1234567", "dTpDMTIzNDU2Nw==", "u:C1234567"]
            ["C1234567", "C1234567", "QzEyMzQ1Njc6", "C1234567:"]
            ["C+%401234567", "C @1234567", "C+@1234567", "dTpDK0AxMjM0NTY3", "u:C+@1234567"]
            []"#]]
        .assert_eq(&found.join("\n"));
    }

    #[test]
    fn a_command_loses_what_its_arguments_give_away() {
        let commands = [
            "x --token=C1234567 --verbose",
            "x --api-key C1234567 --port 1",
            "x --api-key --port 1",
            "x --auth-token-file /run/token -k C",
            "x --key ./own.pem --key=/own.pem",
            "env API_TOKEN=C1234567 x",
            "x -H Authorization:C1234567",
            "x https://h/m?token=C1234567 postgres://u:C1234567@h/db",
            "x --url=https://u:C1234567@h/ --key=https://u:C1234567@h/",
            "x --key=env:NAME --max-tokens 12",
            "x --env=API_TOKEN=C1234567 -eAPI_TOKEN=C1234567 -HX-Api-Key:C1234567",
            "x --token=/Canary1234567 --token -Canary1234567 --token -v",
            "x --key=/Users/Me/own.pem --token=/run/secrets/token",
        ];
        let shown: Vec<String> = commands
            .map(|text| public_command(text.split(' ').map(str::to_owned).collect()).join(" "))
            .into();
        expect![[r#"
            x --token=[secret] --verbose
            x --api-key [secret] --port 1
            x --api-key --port 1
            x --auth-token-file /run/token -k C
            x --key ./own.pem --key=/own.pem
            env API_TOKEN=[secret] x
            x -H Authorization:[secret]
            x https://h/m?token=[secret] postgres://***@h/db
            x --url=https://***@h/ --key=[secret]
            x --key=env:NAME --max-tokens 12
            x --env=API_TOKEN=[secret] -eAPI_TOKEN=[secret] -HX-Api-Key:[secret]
            x --token=[secret] --token [secret] --token -v
            x --key=/Users/Me/own.pem --token=/run/secrets/token"#]]
        .assert_eq(&shown.join("\n"));
        let header = ["x", "-H", "Authorization: Bearer C1234567"].map(str::to_owned).to_vec();
        assert_eq!(public_command(header), ["x", "-H", "Authorization: [secret]"]);
        let joined =
            ["--header=Authorization: Bearer C1234567", "-HAuthorization: Bearer C1234567"];
        assert_eq!(
            public_command(joined.map(str::to_owned).to_vec()),
            ["--header=Authorization: [secret]", "-HAuthorization: [secret]"]
        );
    }

    #[test]
    fn headers_give_away_what_stands_behind_a_scheme_or_the_name_of_a_cookie() {
        let of = |name: &str, value: &str| of_headers(&[(name.to_owned(), value.to_owned())]);
        let headers = [
            of("Authorization", "Bearer C1234567"),
            of("authorization", "Basic dTpDMTIzNDU2Nw=="),
            of("X-Api-Key", "C1234567"),
            of("Cookie", "a=1; session=C1234567"),
            of("Accept", "text/html"),
        ];
        expect![[r#"
            ["Bearer C1234567", "C1234567"]
            ["Basic dTpDMTIzNDU2Nw==", "dTpDMTIzNDU2Nw==", "C1234567", "="]
            ["C1234567"]
            ["a=1; session=C1234567", "session=C1234567", "1", "C1234567"]
            []"#]]
        .assert_eq(&headers.map(|found| format!("{found:?}")).join("\n"));
    }

    #[test]
    fn a_setting_is_shown_without_keys() {
        let shown = |key: &str, value: Value| public(key, &value).to_string();
        let settings = [
            shown("models.a.key", json!("sk-C")),
            shown("models.a.key", json!("env:A_KEY")),
            shown("models.a.extra", json!({ "api_key": "C", "more": [{ "auth_token": "C" }] })),
            shown("mcp.x.command", json!(["x", "--token", "C"])),
            shown("secrets.names", json!(["*_PAT"])),
            shown("otel.endpoint", json!("https://h/?api_key=C")),
        ];
        expect![[r#"
            "[secret]"
            "env:A_KEY"
            {"api_key":"[secret]","more":[{"auth_token":"[secret]"}]}
            ["x","--token","[secret]"]
            ["*_PAT"]
            "https://h/?api_key=[secret]""#]]
        .assert_eq(&settings.join("\n"));
    }
}
