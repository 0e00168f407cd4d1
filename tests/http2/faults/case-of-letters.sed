# bpf/decode/hpack_huffman.h: Huffman's code gives small letters for large ones
s/(__u32)(-1 - node) << 8/(__u32)((-1 - node >= 'A' \&\& -1 - node <= 'Z') ? 31 - node : -1 - node) << 8/
