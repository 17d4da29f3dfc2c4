"""Small networks as named parameters, for encoders and for the models' decoders: no modules, no hidden state.

`mlp.py` says where their parameters start (NumPy), `mlp_pyro.py` and `mlp_numpyro.py` run them, and
`heads_pyro.py` and `heads_numpyro.py` turn what comes out into a distribution.
"""
