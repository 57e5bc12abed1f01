"""From the publishers' weights to a ROSE folder: LLaVA-OneVision, SigLIP, Segment Anything."""
