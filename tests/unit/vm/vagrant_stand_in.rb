# Stands in for Vagrant, which is not installed: runs a Vagrantfile and prints what it
# configured as JSON. Whatever is asked of it exists, so that a misspelt setting passes.
require "json"

class Settings
  attr_reader :settings_made

  def initialize
    @settings_made = {}
  end

  def provider(name)
    settings = Settings.new
    yield settings
    (@settings_made["provider"] ||= {})[name] = settings.settings_made
  end

  def method_missing(name, *arguments, **options)
    key = name.to_s
    if key.end_with?("=")
      @settings_made[key.chomp("=")] = arguments.first
    elsif arguments.empty?
      @settings_made[key] ||= Settings.new
    else
      (@settings_made[key] ||= []) << [*arguments, options]
    end
  end

  def respond_to_missing?(*)
    true
  end

  def to_json(*arguments)
    @settings_made.to_json(*arguments)
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
