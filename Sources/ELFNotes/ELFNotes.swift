// ELFNotes
