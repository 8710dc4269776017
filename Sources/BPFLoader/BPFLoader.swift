// BPFLoader
