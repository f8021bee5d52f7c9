"""Documents to chunks: where to cut a text so that every chunk makes sense alone and fits the model."""
