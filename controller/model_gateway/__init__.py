"""The model gateway: providers behind one address, with their keys kept here."""

from controller.model_gateway.gateway import ModelGateway

__all__ = ["ModelGateway"]
