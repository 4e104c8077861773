//! Numbers and texts as bytes and back: exactly, so that what was packed continues as if it had never
//! been away. Little-endian, without names; who reads has to know what was written.

/// Collects bytes.
#[derive(Debug, Default)]
pub struct Packing(Vec<u8>);

impl Packing {
    /// Returns what was collected.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Adds a count or a place.
    pub fn count(&mut self, count: usize) {
        self.bits(u64::try_from(count).expect("counts have at most 64 bits"));
    }

    /// Adds 64 bits.
    pub fn bits(&mut self, bits: u64) {
        self.0.extend_from_slice(&bits.to_le_bytes());
    }

    /// Adds a whole number.
    pub fn whole(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// Adds a number, bit by bit.
    pub fn number(&mut self, number: f64) {
        self.bits(number.to_bits());
    }

    /// Adds two numbers.
    pub fn pair(&mut self, pair: (f64, f64)) {
        self.number(pair.0);
        self.number(pair.1);
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// Reads bytes in the order in which they were collected; `None` where they do not fit.
#[derive(Debug)]
pub struct ByteReader<'a>(&'a [u8]);

impl<'a> ByteReader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> ByteReader<'a> {
        ByteReader(bytes)
    }

    /// Tells whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads 64 bits.
    pub fn bits(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    /// Reads a count of things that take at least 8 bytes each: more than are left are none.
    pub fn count(&mut self) -> Option<usize> {
        self.below(self.0.len() / 8)
    }

    /// Reads a place in a list of `length`.
    pub fn below(&mut self, length: usize) -> Option<usize> {
        usize::try_from(self.bits()?).ok().filter(|place| *place < length)
    }

    /// Reads a whole number.
    pub fn whole(&mut self) -> Option<i64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i64::from_le_bytes(*bytes))
    }

    /// Reads a number.
    pub fn number(&mut self) -> Option<f64> {
        Some(f64::from_bits(self.bits()?))
    }

    /// Reads two numbers.
    pub fn pair(&mut self) -> Option<(f64, f64)> {
        Some((self.number()?, self.number()?))
    }

    /// Reads a text.
    pub fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.bits()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_what_is_cut_is_nothing() {
        let mut packing = Packing::default();
        packing.count(0);
        packing.text("käse");
        packing.pair((-0.0, f64::MIN_POSITIVE));
        packing.whole(-7);
        let bytes = packing.into_bytes();

        let read = |bytes: &[u8]| {
            let mut packed = ByteReader::new(bytes);
            let count = packed.count()?;
            let text = packed.text()?.to_owned();
            let (zero, tiny) = packed.pair()?;
            let whole = packed.whole()?;
            Some((count, text, zero.to_bits(), tiny, whole, packed.is_empty()))
        };

        let expected = (0, "käse".to_owned(), (-0.0_f64).to_bits(), f64::MIN_POSITIVE, -7, true);
        assert_eq!(read(&bytes), Some(expected));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length} bytes");
        }

        let most = u64::MAX.to_le_bytes();
        assert_eq!(ByteReader::new(&most).text(), None);
        assert_eq!(ByteReader::new(&most).below(3), None);
    }
}
