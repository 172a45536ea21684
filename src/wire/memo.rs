//! What the last bytes meant, so that the same bytes are not read for their meaning again.

/// Bytes, and what they mean.
#[derive(Clone, Debug)]
pub struct Memo<T> {
    bytes: Vec<u8>,
    meaning: Option<T>,
}

impl<T: Copy> Memo<T> {
    /// What they mean, if these are the same bytes.
    #[inline]
    pub fn get(&self, bytes: &[u8]) -> Option<T> {
        self.meaning.filter(|_| self.bytes == bytes)
    }

    /// This is what these bytes mean.
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
