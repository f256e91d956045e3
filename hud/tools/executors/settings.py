"""Settings of displays and of what agents see of them, read from the environment once."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ComputerSettings(BaseSettings):
    """Sizes in pixels; the variables are called like the fields, which published code reads."""

    model_config = SettingsConfigDict(extra="ignore")

    DISPLAY_WIDTH: int = Field(1920, gt=0)
    """Width of the display."""
    DISPLAY_HEIGHT: int = Field(1080, gt=0)
    """Height of the display."""
    DISPLAY_NUM: int = 0
    """Number of the X display."""
    HUD_COMPUTER_WIDTH: int | None = None
    """Width that `HudComputerTool` shows; by default the display's."""
    HUD_COMPUTER_HEIGHT: int | None = None
    """Height that `HudComputerTool` shows; by default the display's."""
    HUD_RESCALE_IMAGES: bool = False
    """Whether `HudComputerTool` scales screenshots to the size that it shows."""
    ANTHROPIC_COMPUTER_WIDTH: int = 1400
    """Width that `AnthropicComputerTool` shows."""
    ANTHROPIC_COMPUTER_HEIGHT: int = 850
    """Height that `AnthropicComputerTool` shows."""
    ANTHROPIC_RESCALE_IMAGES: bool = True
    """Whether `AnthropicComputerTool` scales screenshots."""
    ANTHROPIC_SCREENSHOT_QUALITY: int | None = Field(None, ge=1, le=95)
    """Quality of JPEG screenshots for Claude; without one they are PNG."""
    OPENAI_COMPUTER_WIDTH: int = 1024
    """Width that `OpenAIComputerTool` shows."""
    OPENAI_COMPUTER_HEIGHT: int = 768
    """Height that `OpenAIComputerTool` shows."""
    OPENAI_RESCALE_IMAGES: bool = True
    """Whether `OpenAIComputerTool` scales screenshots."""
    GEMINI_COMPUTER_WIDTH: int = 1440
    """Width that `GeminiComputerTool` shows."""
    GEMINI_COMPUTER_HEIGHT: int = 900
    """Height that `GeminiComputerTool` shows."""
    GEMINI_RESCALE_IMAGES: bool = True
    """Whether `GeminiComputerTool` scales screenshots."""


computer_settings = ComputerSettings()
"""The settings as they were when this module was imported."""
