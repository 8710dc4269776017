// Fibril
