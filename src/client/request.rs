//! A request that outlives its read buffer: queued by MULTI, or of a blocked client.

use smallvec::SmallVec;

/// The arguments of a request, the name first, in one buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRequest {
    bytes: Box<[u8]>,
    /// Where each argument ends.
    ends: Box<[u32]>,
}

impl OwnedRequest {
    /// Copies arguments; a request is shorter than 4 GiB.
    pub fn new(args: &[&[u8]]) -> OwnedRequest {
        let ends = args.iter().scan(0, |end, arg| {
            *end += arg.len() as u32;
            Some(*end)
        });
        OwnedRequest { ends: ends.collect(), bytes: args.concat().into() }
    }

    /// The arguments.
    pub fn args(&self) -> SmallVec<[&[u8]; 8]> {
        let mut start = 0;
        let slice = |&end: &u32| {
            let arg = &self.bytes[start..end as usize];
            start = end as usize;
            arg
        };
        self.ends.iter().map(slice).collect()
    }

    /// Bytes it occupies.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<u32>() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::OwnedRequest;

    #[test]
    fn gives_back_what_it_took() {
        for args in [&[&b"GET"[..], b"", b"k\0\r\n"][..], &[b"PING"]] {
            assert_eq!(OwnedRequest::new(args).args().as_slice(), args);
        }
    }
}
