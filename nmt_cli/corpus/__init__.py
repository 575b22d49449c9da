"""Text in: readers, cleaning, tokenizer, Arrow dataset, batches.

`prepare` runs these modules in this order:

    sample, download, web, readers, text_io, encodings                 files -> text
    tabular, columns, tmx, misalignment                                text -> pairs
    normalization, cleaning, plausibility, writing_systems,
    scratch_file                                                       findings for each pair
    splits                                                             pairs -> train, dev and test
    train_tokenizer, tokenizer, subword_regularization                 text -> subword ids
    train_text, tags                                                   names, weights and tags of the training texts
    corpus_encoder, dataset                                            subword ids -> Arrow files
    cleaning_report, provenance, manifest, output_dir                  report, manifest, prepared folder
    ibm1, lexicon                                                      word translation probabilities

`weighting` draws the pairs of an epoch, and `batching` builds batches of them from the Arrow files.
"""
