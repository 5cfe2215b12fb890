"""TensorFlow's functions that Keras code calls on tensors, under TensorFlow's names: a table onto torch and ``lamina.ops``.

``import tensorflow as tf`` finds them under ``as_keras``, see ``lamina.compat``. Each is a row of :data:`lamina.tf.table.TABLE`
that takes the arguments of TensorFlow's function, with its defaults, and gives tensors of torch; on symbolic tensors it
records operations. There is no engine behind it: what is not in the table has one sentence that says what to write instead.
"""
