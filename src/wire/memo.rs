//! Remembers the last bytes and what they meant, so that the same bytes need not be parsed again.

#[derive(Clone, Debug)]
pub struct Memo<T> {
    bytes: Vec<u8>,
    meaning: Option<T>,
}

impl<T: Copy> Memo<T> {
    /// What these bytes mean, if they are the ones remembered.
    #[inline]
    pub fn get(&self, bytes: &[u8]) -> Option<T> {
        self.meaning.filter(|_| self.bytes == bytes)
    }

    /// Remembers these bytes instead of the last ones.
    pub fn set(&mut self, bytes: &[u8], meaning: T) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.meaning = Some(meaning);
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { bytes: Vec::new(), meaning: None }
    }
}
