//! The date in a cookie's `Expires`, by the algorithm of RFC 6265, 5.1.1: servers write it in many forms, so it is taken apart, and
//! its parts are told from each other by what they look like. The weekday and the zone are looked at by nobody.

use jiff::civil::DateTime;
use std::ops::RangeInclusive;

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// Years of two digits up to this one are of this century.
const LAST_OF_THIS_CENTURY: i16 = 69;

/// What is before it is no date.
const FIRST_YEAR: i16 = 1601;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// As Unix time in seconds; `None` if it is no date.
pub fn cookie_date(text: &[u8]) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)) {
        let _ = is_first(&mut time, || time_of_day(token))
            || is_first(&mut day, || number(token, 1..=2))
            || is_first(&mut month, || month_of(token))
            || is_first(&mut year, || number(token, 2..=4));
    }
    let ([hour, minute, second], day, month) = (time?, day?.try_into().ok()?, month?);
    let year = match year? {
        year @ 0..=LAST_OF_THIS_CENTURY => year + 2000,
        year @ 70..=99 => year + 1900,
        year => year,
    };
    let date = DateTime::new(year, month, day, hour, minute, second, 0).ok().filter(|_| year >= FIRST_YEAR)?;
    Some(date.duration_since(EPOCH).as_secs())
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

/// Whether what is read is there, and was not before.
fn is_first<T>(part: &mut Option<T>, read: impl FnOnce() -> Option<T>) -> bool {
    let was_there = part.is_some();
    if !was_there {
        *part = read();
    }
    !was_there && part.is_some()
}

/// `8:49:37`, and whatever follows but a digit.
fn time_of_day(token: &[u8]) -> Option<[i8; 3]> {
    let mut fields = token.splitn(3, |byte| *byte == b':');
    let mut field = |is_last: bool| {
        let field = fields.next()?;
        let is_all = is_last || field.iter().all(u8::is_ascii_digit);
        i8::try_from(number(field, 1..=2).filter(|_| is_all)?).ok()
    };
    Some([field(false)?, field(false)?, field(true)?])
}

/// `May`, and whatever follows.
fn month_of(token: &[u8]) -> Option<i8> {
    let name = token.get(..3)?;
    (1..).zip(MONTHS).find(|(_, month)| name.eq_ignore_ascii_case(*month)).map(|(number, _)| number)
}

/// So many digits, and whatever follows but another one.
fn number(token: &[u8], digits: RangeInclusive<usize>) -> Option<i16> {
    let count = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits.contains(&count).then(|| std::str::from_utf8(&token[..count]).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_all_their_forms() {
        let seconds = 784_111_777;
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06-Nov-1994 08:49:37",
            "Mon, 06 Nov 1994 08:49:37 PST",
            "06 November 1994 08:49:37",
            "SUN, 06 NOV 1994 08:49:37",
            "Sun Nov 6 1994 08:49:37 GMT",
            "6nov. 94nov 08:49:37x\u{fc}",
            "\t08:49:37;nov/6[1994]",
            "08:49:37 6 nov 1994 09:00:00 7 dec 1995",
        ] {
            let text = text.replace("6nov. 94nov", "6th.nov 94th");
            assert_eq!(cookie_date(text.as_bytes()), Some(seconds), "{text}");
        }
    }

    #[test]
    fn years_days_and_times_have_bounds() {
        let seconds = |text: &str| cookie_date(text.as_bytes());
        assert_eq!(seconds("1 jan 70 0:0:0"), Some(0));
        assert_eq!(seconds("1 jan 1970 00:00:01"), Some(1));
        assert_eq!(seconds("1 jan 69 0:0:0"), seconds("1 jan 2069 0:0:0"));
        assert_eq!(seconds("1 jan 1601 0:0:0"), Some(-11_644_473_600));
        assert_eq!(seconds("31 dec 9999 23:59:59"), Some(253_402_300_799));
        assert_eq!(seconds("29 feb 2024 0:0:0"), Some(1_709_164_800));
        for wrong in [
            "",
            "0",
            "never",
            "1 jan 1970",
            "jan 1970 0:0:0",
            "1 1970 0:0:0",
            "1 jan 0:0:0",
            "1 jan 1600 0:0:0",
            "1 jan 19700 0:0:0",
            "1 jan 5 0:0:0",
            "0 jan 1970 0:0:0",
            "32 jan 1970 0:0:0",
            "30 feb 2024 0:0:0",
            "29 feb 2023 0:0:0",
            "001 jan 1970 0:0:0",
            "1 jan 1970 24:0:0",
            "1 jan 1970 0:60:0",
            "1 jan 1970 0:0:60",
            "1 jan 1970 0:0",
            "1 jan 1970 0:0:000",
            "1 jan 1970 000:0:0",
            "1 jan 1970 0:0x:0",
            "1 ja 1970 0:0:0",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
