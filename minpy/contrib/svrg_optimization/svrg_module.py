"""SVRGModule: a Module whose gradients are corrected by those of all data at weights of some epochs ago."""

import logging

from minpy import nd
from minpy.context import cpu
from minpy.module import Module

__all__ = ["SVRGModule"]


class SVRGModule(Module):
    """A Module that trains by stochastic variance reduced gradients.

    In every `update_freq`-th epoch `fit` takes the gradient over all data; until the next time the gradient of a batch
    is changed by the difference between that and the batch's gradient at the same weights.

    Parameters
    ----------
    symbol, data_names, label_names, logger, context, work_load_list, fixed_param_names, state_names, group2ctxs,
    compression_params
        See Module.
    update_freq : int
        In epochs.

    References
    ----------
    Johnson, Zhang: Accelerating Stochastic Gradient Descent using Predictive Variance Reduction, NIPS 2013.
    """

    def __init__(self, symbol, data_names=("data",), label_names=("softmax_label",), logger=logging, context=None,
                 work_load_list=None, fixed_param_names=None, state_names=None, group2ctxs=None,
                 compression_params=None, update_freq=None):  # fmt: skip
        what = (
            "update_freq in SVRGModule must be {} to represent the frequency for calculating full gradients"
        )
        if not isinstance(update_freq, int):
            raise TypeError(what.format("an integer"))
        if update_freq <= 0:
            raise ValueError(what.format("a positive integer"))
        context = cpu() if context is None else context
        settings = (symbol, data_names, label_names, logger, context, work_load_list, fixed_param_names, state_names,
                    group2ctxs, compression_params)  # fmt: skip
        super().__init__(*settings)
        self.update_freq = update_freq
        self._mod_aux = Module(*settings)
        self._param_dict = None  # for each device the gradients over all data

    def bind(self, data_shapes, label_shapes=None, for_training=True, inputs_need_grad=False, force_rebind=False,
             shared_module=None, grad_req="write"):  # fmt: skip
        settings = (
            data_shapes,
            label_shapes,
            for_training,
            inputs_need_grad,
            force_rebind,
            shared_module,
            grad_req,
        )
        super().bind(*settings)
        if for_training:
            self._mod_aux.bind(*settings)

    def reshape(self, data_shapes, label_shapes=None):
        super().reshape(data_shapes, label_shapes)
        self._mod_aux.reshape(data_shapes, label_shapes)

    def init_optimizer(self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),),
                       force_init=False):  # fmt: skip
        args = self.get_params()[0]
        self._param_dict = [
            {name: nd.zeros(value.shape, ctx=ctx) for name, value in args.items()} for ctx in self._context
        ]
        super().init_optimizer(kvstore, optimizer, optimizer_params, force_init)

    def forward(self, data_batch, is_train=None):
        super().forward(data_batch, is_train)
        if is_train or (is_train is None and self.for_training):
            if not self._mod_aux.params_initialized:
                self._mod_aux.init_params(arg_params=self.get_params()[0], aux_params=self.get_params()[1])
            self._mod_aux.forward(data_batch, is_train)

    def backward(self, out_grads=None):
        super().backward(out_grads)
        if self._mod_aux.binded:
            self._mod_aux.backward(out_grads)

    def update(self):
        self._update_svrg_gradients()
        super().update()

    def update_full_grads(self, train_data):
        """Take the gradient over all data at the present weights.

        Parameters
        ----------
        train_data : DataIter
            Read from its beginning.
        """
        args, aux = self.get_params()
        self._mod_aux.init_params(arg_params=args, aux_params=aux, force_init=True)
        for sums in self._param_dict:
            for total in sums.values():
                total[:] = 0
        train_data.reset()
        count, pad = 0, 0
        for batch in train_data:
            self._mod_aux.forward(batch, is_train=True)
            self._mod_aux.backward()
            count += 1
            pad = batch.pad or 0
            for name, grads in self._gradients(self._mod_aux):
                for sums, grad in zip(self._param_dict, grads):
                    sums[name] += grad
        count -= pad / train_data.batch_size
        for name in self._exec_group.param_names:
            mean = (
                sum(sums[name].as_in_context(cpu()) for sums in self._param_dict)
                / len(self._param_dict)
                / count
            )
            for sums in self._param_dict:
                sums[name][:] = mean.as_in_context(sums[name].context)

    @staticmethod
    def _gradients(module):
        return [
            (name, grads)
            for name, grads in zip(module._exec_group.param_names, module._exec_group.grad_arrays)
            if all(grad is not None for grad in grads)
        ]

    def _update_svrg_gradients(self):
        special = dict(self._gradients(self._mod_aux))
        for name, grads in self._gradients(self):
            for i, grad in enumerate(grads):
                grad[:] = grad - special[name][i] + self._param_dict[i][name]

    def _train_epoch(self, train_data, epoch, *args):
        if epoch % self.update_freq == 0:
            self.update_full_grads(train_data)
            train_data.reset()
        return super()._train_epoch(train_data, epoch, *args)
