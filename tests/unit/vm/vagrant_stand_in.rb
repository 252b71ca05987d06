# Stands in for Vagrant, which is not installed: runs a Vagrantfile and prints what it
# configured as JSON. Whatever is asked of it exists, so that a misspelt setting passes.
require "json"

class Settings
  attr_reader :told

  def initialize
    @told = {}
  end

  def provider(name)
    settings = Settings.new
    yield settings
    (@told["provider"] ||= {})[name] = settings.told
  end

  def method_missing(name, *arguments, **options)
    key = name.to_s
    if key.end_with?("=")
      @told[key.chomp("=")] = arguments.first
    elsif arguments.empty?
      @told[key] ||= Settings.new
    else
      (@told[key] ||= []) << [*arguments, options]
    end
  end

  def respond_to_missing?(*)
    true
  end

  def to_json(*arguments)
    @told.to_json(*arguments)
  end
end

module Vagrant
  def self.configure(version)
    config = Settings.new
    yield config
    puts({ "version" => version, "config" => config }.to_json)
  end
end

load ARGV.fetch(0)
