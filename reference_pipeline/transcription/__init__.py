"""From utterances to text: engines, the inference thread, segmentation and deduplication."""
