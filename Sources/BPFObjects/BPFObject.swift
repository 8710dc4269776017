// BPFObjects
